"""A channel: what one producer streams under one id, for as long as the id exists."""

from headrace.fanout.ring import Ring
from headrace.fanout.subscriber_group import SubscriberGroup
from headrace.fanout.subscriber_table import SubscriberTable
from headrace.hub.producer import Producer


class Channel:
    """The packets of one id, who makes them and who gets them.

    Args:
        channel_id: As `headrace.base.channel_id.check_channel_id` allows it.
        table: The broker's subscribers.

    Attributes:
        channel_id: As given.
        ring: The packets.
        subscribers: Who gets them.
        producer: Who makes them, or None while nobody does.
        forwarded_us: When packets were last sent on.
    """

    __slots__ = ("channel_id", "forwarded_us", "producer", "ring", "subscribers")

    def __init__(self, channel_id: str, table: SubscriberTable) -> None:
        self.channel_id = channel_id
        self.ring = Ring()
        self.subscribers = SubscriberGroup(table)
        self.producer: Producer | None = None
        self.forwarded_us = 0

    @property
    def hopeless_index(self) -> int:
        """What is older than this and not in the ring will never come."""
        if self.producer is None:
            return self.ring.next_index
        receiver = self.producer.connection.receiver
        return self.producer.timeline.channel_index(receiver.delivery_index)
