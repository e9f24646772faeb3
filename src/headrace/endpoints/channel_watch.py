"""What is learnt of channels by looking at them once a second, and costs the packets' way nothing.

Source: ``docs/decisions/0012-local-control-socket.md``; measured there.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np

from headrace.endpoints.rate_meter import RateMeter
from headrace.fanout.ring import Ring
from headrace.hub.channel import Channel
from headrace.hub.producer import Producer
from headrace.mpegts.continuity import ContinuityCounters
from headrace.mpegts.packet import SYNC_BYTE, TS_PACKET_BYTES
from headrace.srt.packet import MAX_PAYLOAD_BYTES

PIECE_PACKETS: Final = 512
"""Looked at without a break: 3,584 transport packets take half a millisecond."""
CHANNELS_PER_PIECE: Final = 16
"""Idle ones: they take 10 us each."""

_TS_PACKETS: Final = MAX_PAYLOAD_BYTES // TS_PACKET_BYTES
_HEADER_BYTES: Final = 6


class ChannelWatch:
    """What is known of one channel.

    Attributes:
        received: Payload that its producer has sent.
        keyframe_interval_us: Channel time between the newest two keyframes, or None.
    """

    __slots__ = ("_counters", "_keyframe", "_next_index", "_producer", "keyframe_interval_us", "received")

    def __init__(self) -> None:
        self.received = RateMeter()
        self.keyframe_interval_us: int | None = None
        self._counters = ContinuityCounters()
        self._next_index = 0
        self._producer: Producer | None = None
        self._keyframe = -1, 0

    @property
    def continuity_errors(self) -> int:
        """Transport packets whose continuity counter was wrong, of those that are not waited for any more."""
        return self._counters.errors

    def note_producer(self, channel: Channel, now_us: int) -> None:
        """Look at how much the producer has sent."""
        if channel.producer is not self._producer:
            self._producer, self.received = channel.producer, RateMeter()
        if self._producer is not None:
            self.received.note(self._producer.connection.receiver.statistics.received_payload_bytes, now_us)

    def note_keyframes(self, channel: Channel) -> None:
        """Look at the newest two keyframes. The older one may have left the ring, but was seen as the newest."""
        newest, before = channel.stream.keyframe_indices
        if newest == self._keyframe[0]:
            return
        newest_us = _time_us(channel.ring, newest)
        before_us = self._keyframe[1] if before == self._keyframe[0] else _time_us(channel.ring, before)
        known = newest_us is not None and before_us is not None and before >= 0
        self.keyframe_interval_us = newest_us - before_us if known else None  # type: ignore[operator]
        self._keyframe = newest, newest_us or 0

    def count_continuity(self, channel: Channel) -> Iterator[None]:
        """Count the errors in what has come since the last look; give way after each piece of it."""
        end_index = channel.succession.hopeless_index
        self._next_index = max(self._next_index, channel.ring.next_index - channel.ring.capacity_packets)
        while self._next_index < end_index:
            piece_end = min(end_index, self._next_index + PIECE_PACKETS)
            self._count_piece(channel.ring, self._next_index, piece_end)
            self._next_index = piece_end
            yield

    def _count_piece(self, ring: Ring, begin: int, end: int) -> None:
        slots = ring.slots(ring.held(np.arange(begin, end)))
        if not len(slots):
            return
        store = ring.store[:, : _TS_PACKETS * TS_PACKET_BYTES]
        headers = store.reshape(-1, _TS_PACKETS, TS_PACKET_BYTES)[slots, :, :_HEADER_BYTES]
        lengths = ring.lengths[slots]
        counts = np.where(lengths % TS_PACKET_BYTES == 0, lengths // TS_PACKET_BYTES, 0)
        is_packet = np.arange(_TS_PACKETS) < counts[:, None]
        is_aligned = ((headers[:, :, 0] == SYNC_BYTE) | ~is_packet).all(axis=1)
        self._counters.feed(headers[is_packet & is_aligned[:, None]])


def _time_us(ring: Ring, index: int) -> int | None:
    """Return the channel time of a packet, None if it is not here."""
    if index < 0 or not len(ring.held(np.array([index]))):
        return None
    return int(ring.times_us[index & (ring.capacity_packets - 1)])


class ChannelWatches:
    """What is known of all channels."""

    __slots__ = ("_watches",)

    def __init__(self) -> None:
        self._watches: dict[Channel, ChannelWatch] = {}

    def __len__(self) -> int:
        return len(self._watches)

    def of(self, channel: Channel) -> ChannelWatch:
        """Return what is known of a channel: nothing yet of a new one."""
        return self._watches.get(channel) or ChannelWatch()

    def observe(self, channels: Iterable[Channel], now_us: int) -> Iterator[None]:
        """Look at all ``channels``, and forget all others; give way after each piece of work."""
        self._watches = {channel: self._watches.get(channel) or ChannelWatch() for channel in channels}
        for place, (channel, watch) in enumerate(self._watches.items(), 1):
            watch.note_producer(channel, now_us)
            watch.note_keyframes(channel)
            yield from watch.count_continuity(channel)
            if place % CHANNELS_PER_PIECE == 0:
                yield
