"""From which of a channel's packets a new subscriber can decode at once.

It is the one with the tables before the newest keyframe, so that what the subscriber gets is a contiguous part of
what the producer sent: nothing is made up, and everything can be asked for again.

Source: ``docs/decisions/0010-instant-start.md``.
"""

from collections import deque
from typing import Final

from headrace.mpegts.packet import MAX_PACKETS_PER_DATAGRAM
from headrace.mpegts.start_finder import Mark, StartFinder
from headrace.mpegts.tables import Tables

MAX_TABLES: Final = 64
"""Tables come ten times a second and before keyframes: six seconds of them, far more than anything comes late."""


class StartPoints:
    """Follows the packets of one stream.

    A place is a transport packet's: channel index times `MAX_PACKETS_PER_DATAGRAM`, and its offset in the payload.

    Attributes:
        keyframe_indices: Channel packets in which the newest keyframe begins, and the one before it; -1 for none.
        newest_index: Channel packet at which to start, or None while no keyframe with tables before it is known.
    """

    __slots__ = ("_finder", "_keyframe_place", "_places", "keyframe_indices", "newest_index")

    def __init__(self) -> None:
        self._finder = StartFinder()
        self.forget()

    def forget(self) -> None:
        """Forget where one can start, and go on with another stream that has the same tables."""
        self.newest_index: int | None = None
        self.keyframe_indices = -1, -1
        self._keyframe_place = -1
        self._places: dict[Mark, deque[int]] = {
            Mark.PAT: deque(maxlen=MAX_TABLES),
            Mark.PMT: deque(maxlen=MAX_TABLES),
        }

    @property
    def tables(self) -> Tables | None:
        """The stream's tables; None before they are known, and for several programs."""
        return self._finder.tables

    @property
    def video_pid(self) -> int | None:
        """The PID in which keyframes are looked for, or None."""
        return self._finder.video_pid

    def handle_payload(self, index: int, payload: bytes) -> None:
        """Look into channel packet ``index``; late ones are welcome too."""
        for mark, packet_offset in self._finder.feed(payload):
            place = index * MAX_PACKETS_PER_DATAGRAM + packet_offset
            if mark is not Mark.KEYFRAME:
                self._places[mark].append(place)
                if place < self._keyframe_place:
                    self._settle()
            elif place > self._keyframe_place:
                self._keyframe_place = place
                self.keyframe_indices = index, self.keyframe_indices[0]
                self._settle()

    def _settle(self) -> None:
        """Start with the last PAT before the last PMT before the newest keyframe: it was sent in this order."""
        pmt_place = max((p for p in self._places[Mark.PMT] if p < self._keyframe_place), default=-1)
        pat_place = max((p for p in self._places[Mark.PAT] if p < pmt_place), default=-1)
        if pat_place >= 0:
            self.newest_index = max(self.newest_index or 0, pat_place // MAX_PACKETS_PER_DATAGRAM)
