"""Producers die, come back, take over and stand by; subscribers see one stream."""

from itertools import pairwise
from random import Random

import numpy as np
import pytest
from tests.simnet.link import SimLink
from tests.simnet.srt_ports import CallerPort
from tests.support.broker_world import MS, SECOND, World
from tests.support.groups import Groups, pictures
from tests.support.long_runs import seeds

from headrace.mpegts.continuity import ContinuityCounters
from headrace.srt.listener import ListenerOptions

FRAME_US = 33 * MS
PUBLISH = "publish:A"
TAKEOVER = "#!::r=A,m=publish,takeover=1"
STANDBY = "#!::r=A,m=publish,standby=1"


class Encoder:
    """A producer that sends pictures."""

    def __init__(self, world: World, stream_id: str, *, seed: int, frames: int = 30) -> None:
        self.port = world.join(stream_id)
        self.groups = Groups(frames, payloads=2, keyframe_payloads=8, seed=seed)
        self.sent: list[list[bytes]] = []

    def send(self, world: World) -> None:
        if self.port.connection.close_reason is not None:
            return
        self.sent.append(self.groups.next_frame())
        for payload in self.sent[-1]:
            self.port.send(payload, world.now_us)

    def pictures(self, first: int = 0, last: int | None = None) -> list[bytes]:
        return pictures(payload for frame in self.sent[first:last] for payload in frame)


def play(world: World, frames: int, *encoders: Encoder) -> None:
    for _ in range(frames):
        for encoder in encoders:
            encoder.send(world)
        world.run(FRAME_US)


def errors(subscriber: CallerPort) -> int:
    return ContinuityCounters().feed(np.frombuffer(b"".join(subscriber.payloads), np.uint8).reshape(-1, 188))


def lost_packets(subscriber: CallerPort) -> int:
    return subscriber.connection.receiver.statistics.dropped_packets


def longest_pause_us(subscriber: CallerPort) -> int:
    return max(later - earlier for (earlier, _), (later, _) in pairwise(subscriber.deliveries))


def test_a_killed_producer_that_comes_back_goes_on_in_the_same_subscriptions() -> None:
    world = World()
    subscriber = world.join("A")
    first = Encoder(world, PUBLISH, seed=1)
    play(world, 40, first)
    first.port.is_dead = True
    world.run(700 * MS)
    second = Encoder(world, PUBLISH, seed=2)
    play(world, 40, second)
    world.run(SECOND)
    assert pictures(subscriber.payloads) == first.pictures() + second.pictures()
    assert errors(subscriber) == 0
    assert lost_packets(subscriber) == 0
    assert subscriber.connection.close_reason is None


def test_a_pause_of_ten_seconds_without_a_producer_ends_no_subscription() -> None:
    world = World()
    subscriber = world.join("A")
    first = Encoder(world, PUBLISH, seed=1)
    play(world, 10, first)
    first.port.connection.close(world.now_us)
    world.run(10 * SECOND)
    second = Encoder(world, PUBLISH, seed=2)
    play(world, 10, second)
    world.run(SECOND)
    assert subscriber.connection.close_reason is None
    assert pictures(subscriber.payloads) == first.pictures() + second.pictures()
    assert errors(subscriber) == 0


@pytest.mark.parametrize("seed", seeds(1, of=3))
def test_a_takeover_loses_no_picture_and_shows_none_twice_even_where_packets_are_lost(seed: int) -> None:
    link = SimLink(latency_us=20 * MS, jitter_us=5 * MS, loss=0.03)
    world = World(seed, link=link, options=ListenerOptions(receive_latency_ms=300))
    subscriber = world.join("A")
    first = Encoder(world, PUBLISH, seed=1)
    play(world, 45, first)
    second = Encoder(world, TAKEOVER, seed=2)
    play(world, 60, first, second)
    world.run(2 * SECOND)
    assert first.port.connection.close_reason == "peer_shutdown"
    got = pictures(subscriber.payloads)
    assert got[-len(second.pictures()) :] == second.pictures()
    of_first = got[: -len(second.pictures())]
    assert of_first == first.pictures()[: len(of_first)]
    assert len(of_first) >= len(first.pictures(0, 45))
    assert lost_packets(subscriber) == 0
    assert errors(subscriber) == 0


def test_a_standby_is_seen_within_500_ms_of_the_firsts_silence() -> None:
    world = World()
    subscriber = world.join("A")
    first, standby = Encoder(world, PUBLISH, seed=1), Encoder(world, STANDBY, seed=2)
    play(world, 50, first, standby)
    first.port.is_dead = True
    play(world, 100, standby)
    world.run(SECOND)
    got = pictures(subscriber.payloads)
    assert got == first.pictures() + standby.pictures(30)
    assert longest_pause_us(subscriber) <= 500 * MS
    assert errors(subscriber) == 0
    assert lost_packets(subscriber) == 0


def test_a_standby_on_the_air_makes_room_for_the_first_when_that_comes_back() -> None:
    world = World()
    subscriber = world.join("A")
    first, standby = Encoder(world, PUBLISH, seed=1), Encoder(world, STANDBY, seed=2)
    play(world, 10, first, standby)
    first.port.is_dead = True
    play(world, 60, standby)
    again = Encoder(world, PUBLISH, seed=3)
    play(world, 60, standby, again)
    assert world.channel("A").succession.switches == {"first": 1, "silence": 1, "takeover": 1}
    again.port.is_dead = True
    play(world, 60, standby)
    assert world.channel("A").succession.switches["silence"] == 2
    world.run(SECOND)
    assert standby.port.connection.close_reason is None
    assert errors(subscriber) == 0
    assert subscriber.connection.close_reason is None


def test_many_subscribers_get_the_long_backlog_of_a_standby_in_pieces() -> None:
    world = World()
    subscribers = [world.join("A") for _ in range(5)]
    first, standby = (
        Encoder(world, stream_id, seed=seed, frames=300) for seed, stream_id in enumerate((PUBLISH, STANDBY))
    )
    play(world, 100, first, standby)
    late = world.join("A")
    first.port.is_dead = True
    play(world, 60, standby)
    world.run(SECOND)
    for subscriber in (*subscribers, late):
        got = pictures(subscriber.payloads)
        assert got[-len(standby.pictures()) :] == standby.pictures()
        assert errors(subscriber) == 0
        assert lost_packets(subscriber) == 0


def test_two_producers_that_fall_silent_in_turn_end_no_subscription() -> None:
    world, random = World(), Random(5)
    subscriber = world.join("A")
    encoders = [Encoder(world, PUBLISH, seed=1), Encoder(world, STANDBY, seed=2)]
    for _ in range(10):
        speaking = random.choice([encoders, encoders[:1], encoders[1:]])
        play(world, random.randrange(5, 60), *speaking)
    world.run(SECOND)
    assert errors(subscriber) == 0
    assert lost_packets(subscriber) == 0
    assert subscriber.connection.close_reason is None
    assert sum(world.channel("A").succession.switches.values()) >= 3
