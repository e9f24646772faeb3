"""A channel: what its producers stream under one id, one after another, for as long as the id exists."""

from headrace.fanout.ring import DEFAULT_BACKLOG, BacklogLimit
from headrace.fanout.sent_totals import SentTotals
from headrace.fanout.subscriber_group import SubscriberGroup
from headrace.fanout.subscriber_table import SubscriberTable
from headrace.hub.channel_stream import ChannelStream
from headrace.hub.lineup import Lineup
from headrace.hub.producer import Producer
from headrace.hub.succession import Succession


class Channel:
    """The packets of one id, who makes them and who gets them.

    Args:
        channel_id: As `headrace.base.channel_id.check_channel_id` allows it.
        table: The broker's subscribers.
        backlog: How much a new subscriber may be sent of what there was before it came.

    Attributes:
        channel_id: As given.
        stream: What subscribers get.
        ring: Its packets.
        succession: Lets its producers follow each other.
        subscribers: Who gets them.
        forwarded_us: When packets were last sent on.
        forwarded_index: One past the newest packet sent on.
        keyframe_starts: Subscribers that started with a keyframe.
        live_starts: Subscribers that had to start with the next packet: no producer, no keyframe within the limit.
        taps: How many others read it, for those who watch by other means than SRT.
        sent_by_taps: What these were sent in all.
    """

    __slots__ = (
        "channel_id",
        "forwarded_index",
        "forwarded_us",
        "keyframe_starts",
        "live_starts",
        "ring",
        "sent_by_taps",
        "stream",
        "subscribers",
        "succession",
        "taps",
    )

    def __init__(self, channel_id: str, table: SubscriberTable, backlog: BacklogLimit = DEFAULT_BACKLOG) -> None:
        self.channel_id = channel_id
        self.stream = ChannelStream(backlog)
        self.ring = self.stream.ring
        self.succession = Succession(self.stream)
        self.subscribers = SubscriberGroup(table)
        self.forwarded_us = 0
        self.forwarded_index = 0
        self.keyframe_starts = 0
        self.live_starts = 0
        self.taps = 0
        self.sent_by_taps = SentTotals()

    @property
    def is_watched(self) -> bool:
        """Whether anybody gets its packets."""
        return bool(self.subscribers) or self.taps > 0

    @property
    def lineup(self) -> Lineup:
        """Who makes the packets, and who stands by."""
        return self.succession.lineup

    @property
    def producer(self) -> Producer | None:
        """Who is on the air, or None."""
        return self.succession.lineup.on_air

    def start(self, now_us: int) -> int:
        """Return the index of the packet with which a subscriber that joins now starts, and count how."""
        start_index = self.ring.start_index(now_us)
        if start_index < self.ring.next_index:
            self.keyframe_starts += 1
        else:
            self.live_starts += 1
        return start_index
