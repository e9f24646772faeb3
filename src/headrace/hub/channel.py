"""A channel: what one producer streams under one id, for as long as the id exists."""

from typing import Final

from headrace.fanout.ring import Ring
from headrace.fanout.subscriber_group import SubscriberGroup
from headrace.fanout.subscriber_table import SubscriberTable
from headrace.hub.producer import Producer

MAX_PATIENCE_US: Final = 1_000_000
"""So long a libsrt sender keeps a packet at least. While one is missing, none after it is acknowledged either."""


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
        forwarded_index: One past the newest packet sent on.
    """

    __slots__ = (
        "_longest_latency_us",
        "channel_id",
        "forwarded_index",
        "forwarded_us",
        "producer",
        "ring",
        "subscribers",
    )

    def __init__(self, channel_id: str, table: SubscriberTable) -> None:
        self.channel_id = channel_id
        self.ring = Ring()
        self.subscribers = SubscriberGroup(table)
        self.producer: Producer | None = None
        self.forwarded_us = 0
        self.forwarded_index = 0
        self._longest_latency_us = 0

    def attach(self, producer: Producer | None) -> Producer | None:
        """Let ``producer`` make the packets from now on; return the one that did."""
        replaced, self.producer = self.producer, producer
        self.allow_latency(0)
        return replaced

    def allow_latency(self, latency_us: int) -> None:
        """Ask the producer for a missing packet as long as a subscriber with this latency can still use it."""
        self._longest_latency_us = max(self._longest_latency_us, min(latency_us, MAX_PATIENCE_US))
        if self.producer is not None:
            own_us = self.producer.connection.parameters.receive_latency_us
            self.producer.connection.receiver.clock.latency_us = max(own_us, self._longest_latency_us)

    @property
    def hopeless_index(self) -> int:
        """What is older than this and not in the ring will never come."""
        if self.producer is None:
            return self.ring.next_index
        receiver = self.producer.connection.receiver
        return self.producer.timeline.channel_index(receiver.delivery_index)
