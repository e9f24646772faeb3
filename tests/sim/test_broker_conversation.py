"""A producer, the whole broker and several subscribers over bad networks, in virtual time."""

import pytest
from tests.simnet.link import SimLink
from tests.simnet.srt_ports import CallerPort
from tests.support.broker_world import BROKER, MS, SECOND, World
from tests.support.long_runs import only_long, seeds

from headrace.base.sockaddr import encode_sockaddr
from headrace.srt.listener import ListenerOptions

BAD = SimLink(
    latency_us=15 * MS,
    jitter_us=5 * MS,
    loss=0.05,
    duplication=0.02,
    reordering=0.03,
    reorder_us=12 * MS,
)
BURSTY = SimLink(latency_us=10 * MS, loss=0.05, mean_burst_packets=4)
TAIL_LATENCY_MS = 1500
"""At the end of a stream a burst of losses lasts long: it is counted in packets, and only probes are left."""
FRAMES = 250
PACKETS_PER_FRAME = 4
FRAME_US = 33 * MS


def broken_world(seed: int, link: SimLink) -> World:
    # The broker asks a producer again for as long as its own latency lasts.
    return World(seed, link=link, gather_us=MS, options=ListenerOptions(receive_latency_ms=600))


def stream(world: World, producer: CallerPort, frames: int) -> list[bytes]:
    """Send frames as bursts; return their packets."""
    sent: list[bytes] = []
    for _ in range(frames):
        sent += world.send(producer, PACKETS_PER_FRAME, interval_us=0)
        world.run(FRAME_US)
    return sent


def is_contiguous(part: list[bytes], whole: list[bytes]) -> bool:
    return bool(part) and part == whole[whole.index(part[0]) :][: len(part)]


@pytest.mark.parametrize("link", [BAD, BURSTY], ids=["bad", "bursty"])
@pytest.mark.parametrize("seed", seeds(1, of=6))
def test_every_subscriber_gets_everything_in_order_once(seed: int, link: SimLink) -> None:
    world = broken_world(seed, link)
    early = [world.join("A", latency_ms=TAIL_LATENCY_MS) for _ in range(3)]
    producer = world.join("publish:A", latency_ms=TAIL_LATENCY_MS)
    sent = stream(world, producer, FRAMES)
    late = world.join("A", latency_ms=TAIL_LATENCY_MS)
    sent += stream(world, producer, FRAMES)
    world.run(3 * SECOND)
    for subscriber in early:
        assert subscriber.payloads == sent
        assert subscriber.connection.statistics.receiver.dropped_packets == 0
    assert is_contiguous(late.payloads, sent)
    assert late.payloads[-1] == sent[-1]
    assert len(late.payloads) >= FRAMES * PACKETS_PER_FRAME - 100


@pytest.mark.parametrize("seed", seeds(2, of=4))
def test_each_loss_of_a_subscriber_costs_about_one_packet_sent_again(seed: int) -> None:
    world = World(seed, gather_us=MS)
    producer = world.join("publish:A")
    address = encode_sockaddr("10.2.0.1", 5000)
    world.network.connect(BROKER, address, SimLink(latency_us=30 * MS, jitter_us=5 * MS, loss=0.05))
    subscriber = world.join("A", address, latency_ms=800)
    sent = stream(world, producer, FRAMES)
    world.run(2 * SECOND)
    assert subscriber.payloads == sent
    lost = subscriber.connection.statistics.receiver.lost_packets
    resent = int(world.endpoint.table.rows["resent_packets"].sum())
    assert lost > 30
    assert lost <= resent < 1.3 * lost


@pytest.mark.parametrize("seed", seeds(1, of=3))
def test_subscribers_stay_connected_while_the_producer_dies_and_returns(seed: int) -> None:
    world = broken_world(seed, BAD)
    subscribers = [world.join("A", latency_ms=800) for _ in range(2)]
    first = world.join("publish:A")
    stream(world, first, 60)
    first.is_dead = True
    killed_us = world.now_us
    second = world.join("publish:A")
    sent = stream(world, second, 90)
    world.run(2 * SECOND)
    for subscriber in subscribers:
        assert subscriber.connection.close_reason is None
        assert subscriber.payloads[-len(sent) :] == sent
        first_us = next(t for t, delivery in subscriber.deliveries if delivery.payload == sent[0])
        assert first_us - killed_us < 3 * SECOND


@pytest.mark.parametrize(
    ("clock_ppm", "packets"), [(-2000, 5_000), only_long(-2000, 10_000), only_long(2000, 10_000)]
)
def test_a_producers_clock_that_runs_wrong_does_not_use_up_the_latency(clock_ppm: int, packets: int) -> None:
    """100 ms in 50 s; a real clock of 50 ppm is as far off after half an hour."""
    world = World(link=SimLink(latency_us=5 * MS))
    subscriber = world.join("A")
    producer = world.join("publish:A", clock_ppm=clock_ppm)
    sent = world.send(producer, packets)
    last_us = world.now_us - 10 * MS
    world.run(SECOND)
    assert subscriber.payloads == sent
    waited_us = subscriber.deliveries[-1][0] - last_us
    # Drift is averaged over 10 s, in which this clock gains 20 ms.
    assert 85 * MS < waited_us < 165 * MS
