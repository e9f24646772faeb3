"""Clocks that run wrong for hours: no delay grows or shrinks, and a subscriber sees one clock, in virtual time."""

import pytest
from tests.simnet.link import SimLink
from tests.simnet.srt_ports import CallerPort
from tests.support.broker_world import MS, SECOND, World
from tests.support.long_runs import only_long
from tests.support.srt_datagrams import kind_of

from headrace.base.seqno import timestamp_distance_us
from headrace.srt.packet import ControlType

LINK = SimLink(latency_us=20 * MS, jitter_us=2 * MS)
INTERVAL_US = 2 * SECOND
PACKETS_PER_MINUTE = 60 * SECOND // INTERVAL_US
WITHIN_US = 10 * MS
"""Jitter, and 8 ms that 200 ppm move in a span of a drift tracer and the one after it, at one packet in 2 s."""


class Stage:
    """A subscriber, and producers one after the other, with what each packet's delay was."""

    def __init__(self, seed: int, subscriber_ppm: int) -> None:
        self.world = World(seed, link=LINK)
        self.subscriber = self.world.join("A", clock_ppm=subscriber_ppm)
        self.sent_us: dict[bytes, int] = {}

    def stream(self, producer: CallerPort, packets: int) -> None:
        for _ in range(packets):
            payload = len(self.sent_us).to_bytes(4, "big")
            self.sent_us[payload] = self.world.now_us
            producer.send(payload, self.world.now_us)
            self.world.run_long(INTERVAL_US)

    def delays_us(self) -> list[int]:
        return [at_us - self.sent_us[delivery.payload] for at_us, delivery in self.subscriber.deliveries]

    def clock_errors_us(self, kind: int | None, after_us: int) -> list[int]:
        """Return by how much the timestamps of packets of one kind lag behind the moment of their arrival."""
        came = [(at_us, d) for at_us, d in self.subscriber.datagrams if kind_of(d) == kind and at_us >= after_us]
        first_us = self.subscriber.datagrams[0][0]
        return [
            timestamp_distance_us(int.from_bytes(d[8:12], "big"), (at_us - first_us) % (1 << 32))
            for at_us, d in came
        ]


@pytest.mark.parametrize(
    ("first_ppm", "second_ppm", "subscriber_ppm", "minutes"),
    [(100, -100, -100, 12), only_long(100, -100, -100, 45), only_long(-100, 100, 100, 45)],
)
def test_clocks_that_run_wrong_for_long_and_two_producers_change_no_delay(
    first_ppm: int, second_ppm: int, subscriber_ppm: int, minutes: int
) -> None:
    """Producer and subscriber come to be 144 ms apart, more than a latency; in 45 minutes 540 ms."""
    stage = Stage(1, subscriber_ppm)
    for producer_ppm in (first_ppm, second_ppm):
        producer = stage.world.join("publish:A", clock_ppm=producer_ppm)
        stage.stream(producer, minutes * PACKETS_PER_MINUTE)
        producer.connection.close(producer.local_us(stage.world.now_us))
        stage.world.run(SECOND)
    delays_us = stage.delays_us()
    assert len(delays_us) == 2 * minutes * PACKETS_PER_MINUTE
    assert max(delays_us) - min(delays_us) < WITHIN_US
    assert stage.subscriber.connection.receiver.buffered_packets == 0


def test_data_and_acknowledgements_and_keepalives_stay_on_one_clock() -> None:
    """A libsrt receiver adjusts the delivery of data by the timestamps of the other two."""
    stage = Stage(3, subscriber_ppm=0)
    producer = stage.world.join("publish:A", clock_ppm=100)
    stage.stream(producer, 15 * PACKETS_PER_MINUTE)
    # Keepalives are sent while there is no data.
    stage.world.run(30 * SECOND)
    stage.stream(producer, 30)
    for kind in (None, ControlType.ACKACK):
        errors_us = stage.clock_errors_us(kind, 0)
        assert len(errors_us) > 200
        assert max(errors_us) - min(errors_us) < WITHIN_US
    last_us = stage.world.now_us - 200 * SECOND
    kinds = (None, ControlType.ACKACK, ControlType.KEEPALIVE)
    means_us = [sum(errors) / len(errors) for errors in (stage.clock_errors_us(kind, last_us) for kind in kinds)]
    assert max(means_us) - min(means_us) < WITHIN_US
