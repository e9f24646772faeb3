"""A channel: what one producer streams under one id, for as long as the id exists."""

from typing import Final

from headrace.base.datagram_batch import U8Array
from headrace.fanout.ring import DEFAULT_BACKLOG_US, Ring
from headrace.fanout.subscriber_group import SubscriberGroup
from headrace.fanout.subscriber_table import SubscriberTable
from headrace.hub.producer import Producer
from headrace.hub.start_points import StartPoints

MAX_PATIENCE_US: Final = 1_000_000
"""So long a libsrt sender keeps a packet at least. While one is missing, none after it is acknowledged either."""


class Channel:
    """The packets of one id, who makes them and who gets them.

    Args:
        channel_id: As `headrace.base.channel_id.check_channel_id` allows it.
        table: The broker's subscribers.
        backlog_us: How far back a new subscriber may start; 0 lets everybody start with the next packet.

    Attributes:
        channel_id: As given.
        ring: The packets.
        subscribers: Who gets them.
        producer: Who makes them, or None while nobody does.
        forwarded_us: When packets were last sent on.
        forwarded_index: One past the newest packet sent on.
        keyframe_starts: Subscribers that started with a keyframe.
        live_starts: Subscribers that had to start with the next packet: no producer, no keyframe within the limit.
    """

    __slots__ = (
        "_backlog_us",
        "_longest_latency_us",
        "_starts",
        "channel_id",
        "forwarded_index",
        "forwarded_us",
        "keyframe_starts",
        "live_starts",
        "producer",
        "ring",
        "subscribers",
    )

    def __init__(self, channel_id: str, table: SubscriberTable, backlog_us: int = DEFAULT_BACKLOG_US) -> None:
        self.channel_id = channel_id
        self.ring = Ring(backlog_us=backlog_us)
        self.subscribers = SubscriberGroup(table)
        self.producer: Producer | None = None
        self.forwarded_us = 0
        self.forwarded_index = 0
        self.keyframe_starts = 0
        self.live_starts = 0
        self._backlog_us = backlog_us
        self._starts = StartPoints()
        self._longest_latency_us = 0

    def attach(self, producer: Producer | None) -> Producer | None:
        """Let ``producer`` make the packets from now on; return the one that did.

        What was found in the old one's packets is forgotten: who starts there would not be decoding live video.
        """
        replaced, self.producer = self.producer, producer
        self._starts = StartPoints()
        self.ring.backlog_index = None
        self.allow_latency(0)
        return replaced

    def allow_latency(self, latency_us: int) -> None:
        """Ask the producer for a missing packet as long as a subscriber with this latency can still use it."""
        self._longest_latency_us = max(self._longest_latency_us, min(latency_us, MAX_PATIENCE_US))
        if self.producer is not None:
            own_us = self.producer.connection.parameters.receive_latency_us
            self.producer.connection.receiver.clock.latency_us = max(own_us, self._longest_latency_us)

    def put(self, index: int, payload: U8Array, time_us: int) -> bool:
        """Keep one packet, as `Ring.put` does, and look whether a new subscriber could start with it."""
        if not self.ring.put(index, payload, time_us):
            return False
        if self._backlog_us:
            self._starts.handle_payload(index, payload.tobytes())
            self.ring.backlog_index = self._starts.newest_index
        return True

    def start(self, now_us: int) -> int:
        """Return the index of the packet with which a subscriber that joins now starts, and count how."""
        start_index = self.ring.start_index(now_us)
        if start_index < self.ring.next_index:
            self.keyframe_starts += 1
        else:
            self.live_starts += 1
        return start_index

    @property
    def keyframe_indices(self) -> tuple[int, int]:
        """Packets in which the newest keyframe and the one before it begin; -1 where none is known."""
        return self._starts.keyframe_indices

    @property
    def hopeless_index(self) -> int:
        """What is older than this and not in the ring will never come."""
        if self.producer is None:
            return self.ring.next_index
        receiver = self.producer.connection.receiver
        return self.producer.timeline.channel_index(receiver.delivery_index)
