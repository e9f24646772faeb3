"""What a standby held goes into its channel slice by slice when it goes on the air.

Source: ``docs/decisions/0011-one-timeline.md``; measured: a packet takes 17 us, and a standby may hold thousands.
"""

from typing import Final

import numpy as np

from headrace.base.datagram_batch import U8Array
from headrace.hub.channel_stream import ChannelStream
from headrace.hub.standby import Standby
from headrace.mpegts.packet import PAT_PID
from headrace.mpegts.splice import blank, unit_start

SLICE_PACKETS: Final = 128
SLICE_INTERVAL_US: Final = 5_000
"""Two milliseconds of each five at the most, so that other channels are not held up."""


class Unpacking:
    """Moves one standby's packets into its channel's stream, with those that come meanwhile.

    Args:
        standby: Whose.
        begin: The packet with which it goes on the air, in its own ring.
        stream: Where to; the stream has begun anew.
        now_us: The time.

    Attributes:
        standby: As given.
        shift: Added to an index in the standby's ring it is the channel's.
        is_over: Everything has moved, and the producer's timeline counts in the channel.
    """

    __slots__ = ("_begin", "_due_us", "_is_whole", "_next_index", "_stream", "is_over", "shift", "standby")

    def __init__(self, standby: Standby, begin: int, stream: ChannelStream, now_us: int) -> None:
        self.standby = standby
        self.shift = stream.ring.next_index - begin
        self.is_over = False
        self._stream = stream
        self._begin = self._next_index = begin
        self._due_us = now_us
        self._is_whole = True
        standby.ring.lend(begin, now_us)

    @property
    def packets(self) -> int:
        """How many have moved."""
        return self._next_index - self._begin

    def handle_payload(self, place: int, payload: U8Array, time_us: int, now_us: int) -> list[int]:
        """Take a packet of the standby's producer; return the indices of packets that are new in the channel."""
        fresh = []
        if place >= self._next_index:
            self.standby.put(place, payload, time_us, now_us)
        elif place >= self._begin:
            index = place + self.shift
            fresh = [index] if self._stream.put(index, payload, time_us, is_whole=False) else []
        return fresh + self.next_slice(now_us)

    def next_slice(self, now_us: int) -> list[int]:
        """Move the next slice if it is due; return the indices of its packets in the channel."""
        if now_us < self._due_us:
            return []
        first_index = self._stream.ring.next_index
        end = min(self._next_index + SLICE_PACKETS, self.standby.ring.next_index)
        for place, (index, content, time_us) in enumerate(
            self.standby.packets(self._next_index, end), self._next_index
        ):
            self._is_whole = self._is_whole and place == index
            tables_at = unit_start(content, PAT_PID) if index == self._begin else 0
            payload = np.frombuffer(blank(content, 0, tables_at or 0), np.uint8)
            # What was held may be due already; stamped as of now it can be recovered if it is lost.
            self._stream.put(index + self.shift, payload, max(time_us, now_us), is_whole=self._is_whole)
        self._next_index, self._due_us = end, now_us + SLICE_INTERVAL_US
        if end == self.standby.ring.next_index:
            self.standby.producer.timeline.move(self._begin, self._begin + self.shift)
            self.is_over = True
        return self._stream.new_since(first_index)
