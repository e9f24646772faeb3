"""What is learnt of channels once a second."""

from collections.abc import Iterator

import numpy as np
import pytest
from tests.support.broker_world import SECOND, World
from tests.support.groups import Groups
from tests.support.srt_datagrams import PARAMETERS, THERE

from headrace.endpoints import channel_watch
from headrace.endpoints.channel_watch import ChannelWatch, ChannelWatches
from headrace.fanout.ring import Ring
from headrace.fanout.subscriber_table import SubscriberTable
from headrace.hub.channel import Channel
from headrace.hub.producer import Producer
from headrace.srt.connection import Connection

FRAME_US = 33_000


class Stream:
    """A channel into which pictures come, with payloads left out at will."""

    def __init__(self, **groups: int) -> None:
        self.channel = Channel("A", SubscriberTable())
        self.groups = Groups(**groups)
        self.time_us = 0
        self.index = 0

    def put(self, frames: int, *, missing: frozenset[int] = frozenset()) -> None:
        for _ in range(frames):
            for payload in self.groups.next_frame():
                if self.index not in missing:
                    self.channel.stream.put(self.index, np.frombuffer(payload, np.uint8), self.time_us)
                self.index += 1
            self.time_us += FRAME_US


def exhaust(pieces: Iterator[None]) -> int:
    return sum(1 for _ in pieces)


def count(watch: ChannelWatch, channel: Channel) -> int:
    exhaust(watch.count_continuity(channel))
    return watch.continuity_errors


def test_a_whole_stream_has_no_continuity_errors_over_many_looks() -> None:
    stream, watch = Stream(frames=10), ChannelWatch()
    for _ in range(5):
        stream.put(20)
        assert count(watch, stream.channel) == 0


def test_a_payload_that_never_comes_is_an_error_once() -> None:
    stream, watch = Stream(frames=60, payloads=4), ChannelWatch()
    stream.put(10, missing=frozenset({25}))
    assert count(watch, stream.channel) == 1
    assert count(watch, stream.channel) == 1
    stream.put(10)
    assert count(watch, stream.channel) == 1


def test_what_is_still_waited_for_is_not_counted_yet() -> None:
    world, watch, groups = World(), ChannelWatch(), Groups(frames=60)
    producer = world.join("publish:A")
    for payload in groups.next_frame():
        producer.send(payload, world.now_us)
        world.run(0)
    channel = world.channel("A")
    assert channel.succession.hopeless_index < channel.ring.next_index
    pieces = exhaust(watch.count_continuity(channel))
    world.run(SECOND)
    assert channel.succession.hopeless_index == channel.ring.next_index
    assert (pieces, exhaust(watch.count_continuity(channel))) == (0, 1)


def test_it_gives_way_after_each_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel_watch, "PIECE_PACKETS", 10)
    stream, watch = Stream(frames=60, payloads=4, keyframe_payloads=21), ChannelWatch()
    stream.put(1)
    assert exhaust(watch.count_continuity(stream.channel)) == 3
    assert watch.continuity_errors == 0


def test_a_ring_that_has_gone_round_meanwhile_is_looked_at_as_far_as_it_reaches() -> None:
    stream, watch = Stream(frames=60), ChannelWatch()
    stream.channel.ring.next_index = 1 << 40
    assert exhaust(watch.count_continuity(stream.channel)) == 0
    stream.index = 1 << 40
    stream.put(3)
    assert count(watch, stream.channel) == 0


@pytest.mark.parametrize(
    "payload", [b"G" * 100, b"no transport stream".ljust(188), b"G\x01\x00\x10" + bytes(184 + 188)]
)
def test_what_is_no_whole_transport_packets_is_passed_over(payload: bytes) -> None:
    channel, watch = Channel("A", SubscriberTable()), ChannelWatch()
    for index in range(10):
        channel.stream.put(index, np.frombuffer(payload, np.uint8), 0)
    assert count(watch, channel) == 0


@pytest.mark.parametrize("frames_between_looks", [1, 7, 45])
def test_the_keyframe_interval_is_that_of_the_newest_two(frames_between_looks: int) -> None:
    stream, watch = Stream(frames=30), ChannelWatch()
    for _ in range(0, 200, frames_between_looks):
        stream.put(frames_between_looks)
        watch.note_keyframes(stream.channel)
    assert watch.keyframe_interval_us == 30 * FRAME_US


def test_the_interval_is_known_when_the_older_keyframe_has_left_the_ring() -> None:
    stream, watch = Stream(frames=400, payloads=1, keyframe_payloads=3), ChannelWatch()
    stream.channel.ring = stream.channel.stream.ring = Ring(max_packets=256)
    for _ in range(420):
        stream.put(1)
        watch.note_keyframes(stream.channel)
    newest, before = stream.channel.stream.keyframe_indices
    assert len(stream.channel.ring.held(np.array([newest, before]))) == 1
    assert watch.keyframe_interval_us == 400 * FRAME_US


def test_one_keyframe_is_no_interval_and_a_new_producer_begins_anew() -> None:
    stream, watch = Stream(frames=30), ChannelWatch()
    stream.put(10)
    watch.note_keyframes(stream.channel)
    assert watch.keyframe_interval_us is None
    stream.put(60)
    watch.note_keyframes(stream.channel)
    assert watch.keyframe_interval_us is not None
    stream.channel.stream.end()
    watch.note_keyframes(stream.channel)
    assert watch.keyframe_interval_us is None


def test_the_rate_is_of_the_producer_there_is_now() -> None:
    channel, watch = Channel("A", SubscriberTable()), ChannelWatch()
    for number in range(2):
        producer = Producer(Connection(PARAMETERS), THERE)
        channel.lineup.put_on_air(producer, 0)
        watch.note_producer(channel, number * 10 * SECOND)
        assert watch.received.bps == 0
        producer.connection.receiver.statistics.received_payload_bytes = 125
        watch.note_producer(channel, (number * 10 + 1) * SECOND)
        assert watch.received.bps == 1000
    channel.succession.leave(producer)
    watch.note_producer(channel, 30 * SECOND)
    assert watch.received.bps == 0


def test_channels_that_are_gone_are_forgotten_and_new_ones_unknown() -> None:
    watches, table = ChannelWatches(), SubscriberTable()
    first, second = Channel("A", table), Channel("B", table)
    exhaust(watches.observe([first, second], 0))
    known = watches.of(first)
    exhaust(watches.observe([first], 0))
    assert watches.of(first) is known
    assert len(watches) == 1
    assert watches.of(second).keyframe_interval_us is None


def test_many_idle_channels_are_looked_at_a_few_at_a_time() -> None:
    channels = [Channel(str(number), SubscriberTable()) for number in range(3 * channel_watch.CHANNELS_PER_PIECE)]
    assert exhaust(ChannelWatches().observe(channels, 0)) == 3
