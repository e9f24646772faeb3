"""A channel: its ring, and what will never come any more."""

from dataclasses import replace

import numpy as np
import pytest
from tests.support.groups import Groups
from tests.support.srt_datagrams import PARAMETERS, THERE, data

from headrace.fanout.subscriber_table import SubscriberTable
from headrace.hub.channel import MAX_PATIENCE_US, Channel
from headrace.hub.producer import Producer
from headrace.srt.connection import Connection

FIRST = PARAMETERS.receive_seqno
START_US = PARAMETERS.established_us


def make_channel(packets: int) -> Channel:
    channel = Channel("A", SubscriberTable())
    for index in range(packets):
        channel.ring.put(index, np.zeros(10, np.uint8), 0)
    return channel


def test_without_a_producer_nothing_older_than_the_newest_will_come() -> None:
    assert make_channel(0).hopeless_index == 0
    assert make_channel(5).hopeless_index == 5


def test_a_new_producers_packets_may_all_come() -> None:
    channel = make_channel(5)
    channel.producer = Producer(Connection(PARAMETERS), THERE, channel.ring.next_index)
    assert channel.hopeless_index == 5


def test_what_the_producers_connection_gave_up_is_hopeless() -> None:
    channel = make_channel(5)
    connection = Connection(PARAMETERS)
    channel.producer = Producer(connection, THERE, channel.ring.next_index)
    connection.handle_datagram(data(FIRST), START_US)
    connection.handle_datagram(data(FIRST + 3), START_US)
    connection.poll_deliveries(START_US + PARAMETERS.receive_latency_us - 1)
    assert channel.hopeless_index == 5
    connection.poll_deliveries(START_US + PARAMETERS.receive_latency_us)
    assert channel.hopeless_index == 9


def test_the_producer_is_asked_for_what_is_missing_as_long_as_the_slowest_subscriber_can_use_it() -> None:
    channel = make_channel(0)
    channel.allow_latency(300_000)
    connection = Connection(replace(PARAMETERS, receive_latency_us=120_000))
    channel.attach(Producer(connection, THERE, 0))
    assert connection.receiver.clock.latency_us == 300_000
    channel.allow_latency(200_000)
    assert connection.receiver.clock.latency_us == 300_000
    channel.allow_latency(60_000_000)
    assert connection.receiver.clock.latency_us == MAX_PATIENCE_US


def test_a_producers_own_latency_is_the_least() -> None:
    channel = make_channel(0)
    connection = Connection(replace(PARAMETERS, receive_latency_us=2_000_000))
    channel.attach(Producer(connection, THERE, 0))
    channel.allow_latency(300_000)
    assert connection.receiver.clock.latency_us == 2_000_000


def with_pictures(channel: Channel, frames: int, *, groups: Groups | None = None) -> list[int]:
    """Let pictures come, 33 ms apart from time 0 on; return the indices of their first packets."""
    groups = groups or Groups(10, payloads=1, keyframe_payloads=3)
    firsts = []
    for number in range(frames):
        firsts.append(channel.ring.next_index)
        for made in groups.next_frame():
            assert channel.put(channel.ring.next_index, np.frombuffer(made, np.uint8), number * 33_000)
    return firsts


def test_a_subscriber_starts_with_the_newest_keyframe_and_that_is_counted() -> None:
    channel = Channel("A", SubscriberTable())
    assert channel.start(0) == 0
    firsts = with_pictures(channel, 25)
    assert channel.start(25 * 33_000) == firsts[20]
    assert (channel.keyframe_starts, channel.live_starts) == (1, 1)


def test_without_a_keyframe_within_the_limit_a_subscriber_starts_live_and_that_is_counted() -> None:
    channel = Channel("A", SubscriberTable(), 200_000)
    with_pictures(channel, 10)
    assert channel.start(199_999) == 0
    assert channel.start(200_000) == channel.ring.next_index
    assert (channel.keyframe_starts, channel.live_starts) == (1, 1)


def test_without_a_backlog_nobody_looks_for_keyframes() -> None:
    channel = Channel("A", SubscriberTable(), 0)
    with_pictures(channel, 15)
    assert channel.ring.backlog_index is None
    assert channel.start(0) == channel.ring.next_index


def test_what_is_here_already_is_not_looked_at_again() -> None:
    channel = Channel("A", SubscriberTable())
    (first, *_) = Groups().next_frame()
    channel.ring.put(0, np.zeros(188, np.uint8), 0)
    assert not channel.put(0, np.frombuffer(first, np.uint8), 0)
    assert channel.ring.backlog_index is None


@pytest.mark.parametrize("successor", [True, False])
def test_nobody_starts_with_the_pictures_of_a_producer_that_is_gone(successor: bool) -> None:
    channel = Channel("A", SubscriberTable())
    channel.attach(Producer(Connection(PARAMETERS), THERE, 0))
    with_pictures(channel, 15)
    channel.attach(Producer(Connection(PARAMETERS), THERE, channel.ring.next_index) if successor else None)
    assert channel.start(15 * 33_000) == channel.ring.next_index
    channel.put(channel.ring.next_index, np.zeros(188, np.uint8), 0)
    assert channel.start(15 * 33_000) == channel.ring.next_index
    begin = channel.ring.next_index
    with_pictures(channel, 5)
    assert channel.start(15 * 33_000) == begin


def test_the_newest_two_keyframes_are_known() -> None:
    channel = Channel("A", SubscriberTable())
    starts = with_pictures(channel, 30, groups=Groups(10))
    assert channel.keyframe_indices == (starts[20], starts[10])
