"""A producer whose hop loses packets, and many subscribers whose hops lose none, in virtual time.

With cut-through every subscriber reports what the broker itself still waits for.
"""

from collections import Counter
from random import SystemRandom

import pytest
from tests.simnet.link import SimLink
from tests.simnet.srt_ports import CallerPort
from tests.support.broker_world import BROKER, MS, SECOND, World
from tests.support.long_runs import only_long
from tests.support.srt_datagrams import kind_of

from headrace.base.sockaddr import encode_sockaddr
from headrace.endpoints.tail_probes import MAX_TAIL_PROBES

PRODUCER = encode_sockaddr("10.3.0.1", 5000)
SUBSCRIBERS = 200
FRAME_US = 33 * MS
FRAME_PACKETS = 5
FRAMES = 45
HOP = SimLink(latency_us=25 * MS, jitter_us=2 * MS)
LOSSY = SimLink(latency_us=25 * MS, jitter_us=MS, loss=0.04)
LATENCY_MS = 500
FRESH = SystemRandom().randrange(1 << 32)
"""Failed? Put it among the fixed ones, and mend the cause."""


def play(seed: int) -> tuple[World, list[CallerPort], list[bytes]]:
    """Have a lossy producer stream to all subscribers, and then well enough to let everything arrive."""
    print("seed", seed)
    # What the shared socket gets gathers for so long.
    world = World(seed, gather_us=5 * MS, link=HOP)
    world.network.connect(PRODUCER, BROKER, HOP, HOP)
    producer = world.join("publish:A", PRODUCER, peer_latency_ms=LATENCY_MS)
    subscribers = [world.call("A", latency_ms=LATENCY_MS) for _ in range(SUBSCRIBERS)]
    world.run(SECOND)
    world.network.connect(PRODUCER, BROKER, LOSSY, HOP)
    world.port.outbox.calls.clear()
    sent: list[bytes] = []
    for frame in range(FRAMES):
        if frame == FRAMES - 10:
            world.network.connect(PRODUCER, BROKER, HOP, HOP)
        sent += world.send(producer, FRAME_PACKETS, interval_us=0)
        world.run(FRAME_US)
    world.run(LATENCY_MS * MS + SECOND)
    return world, subscribers, sent


@pytest.mark.parametrize("seed", [1, only_long(FRESH, id="fresh")])
def test_what_is_recovered_goes_out_once_to_all_however_often_they_ask(seed: int) -> None:
    world, subscribers, sent = play(seed)
    naks_packets = world.endpoint.table.rows["naks_packets"]
    assert naks_packets.sum() > 2 * SUBSCRIBERS
    for subscriber in subscribers:
        assert subscriber.payloads == sent
        came = Counter(datagram[:4] for _, datagram in subscriber.datagrams if kind_of(datagram) is None)
        assert len(came) == len(sent)
        # In the silence at the end the last one is sent again to those whose acknowledgements are on their way.
        *others, last = came.values()
        assert set(others) == {1}
        assert last <= 1 + MAX_TAIL_PROBES
    calls = Counter(world.port.outbox.calls)
    assert calls["send_each"] <= MAX_TAIL_PROBES
    assert calls["send_burst"] <= len(sent)
