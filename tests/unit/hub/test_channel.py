"""A channel: where its subscribers start."""

from tests.support.senders import FRAME_US, START_US, Sender

from headrace.fanout.ring import BacklogLimit
from headrace.fanout.subscriber_table import SubscriberTable
from headrace.hub.channel import Channel


def make_channel(backlog_us: int = 10_000_000) -> Channel:
    return Channel("A", SubscriberTable(), BacklogLimit(backlog_us))


def test_a_subscriber_starts_with_the_newest_keyframe_and_that_is_counted() -> None:
    channel = make_channel()
    assert channel.start(START_US) == 0
    sender = Sender(channel).join()
    sender.frames(20, START_US)
    keyframe_index = channel.ring.next_index
    sender.frames(5, START_US + 20 * FRAME_US)
    assert channel.start(START_US + 25 * FRAME_US) == keyframe_index
    assert (channel.keyframe_starts, channel.live_starts) == (1, 1)


def test_without_a_keyframe_within_the_limit_a_subscriber_starts_live_and_that_is_counted() -> None:
    channel = make_channel(200_000)
    Sender(channel, frames=100).join().frames(10, START_US)
    assert channel.start(START_US + 199_999) == 0
    assert channel.start(START_US + 200_000) == channel.ring.next_index
    assert (channel.keyframe_starts, channel.live_starts) == (1, 1)


def test_nobody_starts_with_the_pictures_of_a_producer_that_is_gone() -> None:
    channel = make_channel()
    first = Sender(channel).join()
    first.frames(15, START_US)
    channel.succession.leave(first.producer)
    assert channel.start(START_US + 15 * FRAME_US) == channel.ring.next_index
    second = Sender(channel, seed=2).join()
    begin = channel.ring.next_index + 1
    second.frames(5, START_US + 20 * FRAME_US)
    assert channel.start(START_US + 25 * FRAME_US) == begin
