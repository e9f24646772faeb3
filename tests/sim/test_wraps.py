"""Sequence numbers and timestamps wrap within the same second, for producer and subscriber, in virtual time."""

import pytest
from tests.simnet.link import SimLink
from tests.simnet.srt_ports import CallerPort
from tests.support.broker_world import BROKER, MS, SECOND, World
from tests.support.groups import Groups
from tests.support.long_runs import only_long

from headrace.base.sockaddr import encode_sockaddr

PRODUCER, SUBSCRIBER = encode_sockaddr("10.3.0.1", 5000), encode_sockaddr("10.3.0.2", 5000)
WRAP_US = 1 << 32
LATENCY_MS = 1_000
CALM = SimLink(latency_us=20 * MS)
LOSSY = SimLink(latency_us=20 * MS, loss=0.05, mean_burst_packets=3, reordering=0.03, duplication=0.02)


class Stage:
    """A producer and a subscriber that have been silent for 71 minutes: their next packets wrap."""

    def __init__(self, link: SimLink = CALM, *, before_us: int = SECOND) -> None:
        self.world = World(1, link=CALM, gather_us=MS)
        self.subscriber = self.world.join("A", SUBSCRIBER, latency_ms=LATENCY_MS)
        self.producer = self.world.join("publish:A", PRODUCER, latency_ms=LATENCY_MS, peer_latency_ms=LATENCY_MS)
        self.wrap_us = self.world.now_us + WRAP_US
        self.world.run_long(WRAP_US - before_us)
        for address in (PRODUCER, SUBSCRIBER):
            self.world.network.connect(BROKER, address, link)

    def stream(self, producer: CallerPort, seconds: int) -> list[bytes]:
        return self.world.send(producer, 40 * seconds, 25 * MS)

    def assert_delivered(self, sent: list[bytes]) -> None:
        self.world.run(3 * SECOND)
        assert self.subscriber.payloads == sent
        assert self.subscriber.connection.statistics.receiver.dropped_packets == 0

    def assert_has_wrapped(self) -> None:
        stamps = [int.from_bytes(d[8:12], "big") for _, d in self.subscriber.datagrams[-40:]]
        assert max(stamps) < WRAP_US // 2
        assert self.producer.connection.parameters.send_seqno > (1 << 31) - 60
        assert self.subscriber.connection.receiver.highest_index > 1 << 31


@pytest.mark.parametrize("link", [only_long(CALM), LOSSY], ids=["calm", "lossy"])
def test_both_wrap_during_traffic(link: SimLink) -> None:
    stage = Stage(link)
    sent = stage.stream(stage.producer, 4)
    stage.assert_delivered(sent)
    stage.assert_has_wrapped()


@pytest.mark.long
def test_both_wrap_in_a_gap_that_is_recovered() -> None:
    stage = Stage()
    cut = SimLink(latency_us=20 * MS, outages=((stage.wrap_us - 200 * MS, stage.wrap_us + 300 * MS),))
    stage.world.network.connect(PRODUCER, BROKER, cut, CALM)
    sent = stage.stream(stage.producer, 4)
    stage.assert_delivered(sent)
    assert stage.world.channel("A").producer is not None
    stage.assert_has_wrapped()


@pytest.mark.long
def test_both_wrap_in_a_backlog_that_a_new_subscriber_gets() -> None:
    stage = Stage()
    groups, sent = Groups(120), []
    for _ in range(60):
        for payload in groups.next_frame():
            stage.producer.send(payload, stage.world.now_us)
            sent.append(payload)
        stage.world.run(33 * MS)
    late = stage.world.join("A", latency_ms=LATENCY_MS)
    stage.assert_delivered(sent)
    stage.assert_has_wrapped()
    assert late.payloads == sent


@pytest.mark.long
@pytest.mark.parametrize("pause_us", [WRAP_US // 2 + SECOND, WRAP_US + SECOND], ids=["half a wrap", "a whole one"])
def test_both_wrap_in_a_pause_that_no_timestamp_can_tell_of(pause_us: int) -> None:
    stage = Stage(before_us=2 * SECOND)
    sent = stage.stream(stage.producer, 1)
    stage.world.run_long(pause_us)
    sent += stage.stream(stage.producer, 2)
    stage.assert_delivered(sent)
