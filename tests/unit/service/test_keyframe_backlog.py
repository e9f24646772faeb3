"""What of a channel a picture is made of."""

import asyncio

from tests.support.senders import FRAME_US, START_US, Sender

from headrace.fanout.ring import BacklogLimit
from headrace.fanout.subscriber_table import SubscriberTable
from headrace.hub.channel import Channel
from headrace.service.broker import Broker, BrokerConfig
from headrace.service.keyframe_backlog import KeyframeBacklog, read_backlog


def channel_with(sender_frames: int) -> tuple[Channel, Sender]:
    channel = Channel("A", SubscriberTable(), BacklogLimit(10_000_000))
    sender = Sender(channel, frames=10).join()
    sender.frames(sender_frames, START_US)
    return channel, sender


def test_it_begins_with_the_newest_keyframe() -> None:
    channel, sender = channel_with(10)
    before = len(sender.sent)
    sender.frames(3, START_US + 10 * FRAME_US)
    assert read_backlog(channel, START_US + 13 * FRAME_US) == b"".join(sender.sent[before:])


def test_it_ends_where_something_is_missing() -> None:
    channel, sender = channel_with(3)
    whole = b"".join(sender.sent)
    sender.send([b"later"], START_US + 3 * FRAME_US, first=len(sender.sent) + 5)
    assert read_backlog(channel, START_US + 3 * FRAME_US) == whole
    # Given up, it is passed over; what follows is still no part of it.
    assert read_backlog(channel, START_US + 9_000_000) == whole


def test_a_channel_that_nobody_produces_has_nothing() -> None:
    async def run() -> None:
        async with Broker(BrokerConfig("127.0.0.1", 0)) as broker:
            assert await KeyframeBacklog(broker.endpoint, broker._loop).read("A") == b""

    asyncio.run(run())
