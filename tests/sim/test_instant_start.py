"""New subscribers on bad networks start with a keyframe and get everything from there on, in virtual time."""

import pytest
from tests.simnet.link import SimLink
from tests.simnet.srt_ports import CallerPort
from tests.support.broker_world import BROKER, MS, SECOND, World
from tests.support.groups import Groups
from tests.support.long_runs import seeds
from tests.support.srt_datagrams import kind_of

from headrace.base.sockaddr import encode_sockaddr
from headrace.srt.packet import ControlType

FRAME_US = 33_333
LOSSY = SimLink(
    latency_us=15 * MS, jitter_us=5 * MS, loss=0.05, duplication=0.02, reordering=0.03, reorder_us=12 * MS
)
BURSTY = SimLink(latency_us=25 * MS, loss=0.05, mean_burst_packets=4)
FAR = SimLink(latency_us=125 * MS, jitter_us=10 * MS, loss=0.02)
NARROW = SimLink(latency_us=10 * MS, rate_bps=6_000_000, queue_us=100 * MS)
"""Four times what the channel has: a burst of a whole group would be lost in its queue."""
LINKS = {"lossy": (LOSSY, 800), "bursty": (BURSTY, 800), "far": (FAR, 2000), "narrow": (NARROW, 400)}


class Stage:
    """A producer that sends groups of pictures, and what it has sent."""

    def __init__(self, seed: int, *, link: SimLink | None = None, frames: int = 60) -> None:
        self.world = World(seed, link=link, gather_us=MS)
        self.groups = Groups(frames, seed=seed)
        self.producer = self.world.join("publish:A", latency_ms=800)
        self.sent: list[bytes] = []
        self.keyframes: list[int] = []
        self._number = 0

    def stream(self, frames: int) -> None:
        for _ in range(frames):
            if self.groups.is_keyframe_next:
                self.keyframes.append(len(self.sent))
            payloads = self.groups.next_frame()
            for payload in payloads:
                self.producer.send(payload, self.world.now_us)
            self.sent += payloads
            self.world.run(FRAME_US)

    def call(self, link: SimLink, latency_ms: int) -> CallerPort:
        self._number += 1
        address = encode_sockaddr(f"10.2.0.{self._number}", 5000)
        self.world.network.connect(BROKER, address, link)
        return self.world.call("A", address, latency_ms=latency_ms)

    def assert_complete_from(self, subscriber: CallerPort, first: int) -> None:
        assert subscriber.payloads == self.sent[first:]
        assert subscriber.connection.statistics.receiver.dropped_packets == 0


@pytest.mark.parametrize("name", LINKS)
@pytest.mark.parametrize("seed", [*seeds(1, of=6), 115, 122, 128])
def test_a_subscriber_that_joins_between_keyframes_gets_everything_from_the_last_one_on(
    seed: int, name: str
) -> None:
    link, latency_ms = LINKS[name]
    stage = Stage(seed)
    stage.stream(60 + 40)
    subscriber = stage.call(link, latency_ms)
    stage.stream(150)
    stage.world.run(4 * SECOND)
    stage.assert_complete_from(
        subscriber, next(k for k in stage.keyframes if stage.sent[k] == subscriber.payloads[0])
    )
    # The answer to the handshake may have been lost, and have been asked for again.
    joined_us = max(t for t, datagram in subscriber.datagrams if kind_of(datagram) == ControlType.HANDSHAKE)
    assert subscriber.deliveries[0][0] - joined_us < (latency_ms + 400) * MS


@pytest.mark.parametrize("seed", seeds(1, of=6))
def test_it_does_where_the_producers_packets_come_late_and_out_of_order_too(seed: int) -> None:
    stage = Stage(seed, link=LOSSY)
    stage.stream(60 + 30)
    subscribers = []
    for _ in range(5):
        subscribers.append(stage.call(LOSSY, 1200))
        stage.stream(7)
    stage.stream(150)
    stage.world.run(4 * SECOND)
    for subscriber in subscribers:
        first = stage.sent.index(subscriber.payloads[0])
        assert first in stage.keyframes
        stage.assert_complete_from(subscriber, first)


def test_a_subscriber_on_a_narrow_link_loses_little_while_it_catches_up() -> None:
    stage = Stage(1, frames=120)
    stage.stream(110)
    subscriber = stage.call(NARROW, 400)
    stage.stream(60)
    stage.world.run(SECOND)
    stage.assert_complete_from(subscriber, 0)
    assert subscriber.connection.statistics.receiver.lost_packets < 30
