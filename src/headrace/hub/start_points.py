"""From which of a channel's packets a new subscriber can decode at once.

It is the one with the tables before the newest keyframe, so that what the subscriber gets is a contiguous part of
what the producer sent: nothing is made up, and everything can be asked for again.

Source: ``docs/decisions/0010-instant-start.md``.
"""

from collections import deque
from typing import Final

from headrace.hub.packet_run import PacketRun
from headrace.mpegts.packet import MAX_PACKETS_PER_DATAGRAM, TS_PACKET_BYTES, is_transport_stream
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
            self.note(mark, index * MAX_PACKETS_PER_DATAGRAM + packet_offset)

    def look_through(self, run: PacketRun) -> list[tuple[Mark, int]]:
        """Return what begins in the packets of ``run``, each with its place, counted from the first; `note` it."""
        found: list[tuple[Mark, int]] = []
        finder, looked = self._finder, 0
        for place, pid in zip(run.unit_starts.places, run.unit_starts.pids, strict=True):
            if finder.is_within_section:
                found += self._look_at_all(run, range(looked, place))
            if finder.follows(pid):
                mark = finder.feed_packet(pid, _packet(run, place))
                if mark is not None:
                    found.append((mark, place))
            looked = place + 1
        if finder.is_within_section:
            found += self._look_at_all(run, range(looked, len(run.lengths) * MAX_PACKETS_PER_DATAGRAM))
        return found

    def _look_at_all(self, run: PacketRun, places: range) -> list[tuple[Mark, int]]:
        found = []
        for place in places:
            if is_transport_stream(run.payload(place // MAX_PACKETS_PER_DATAGRAM).tobytes()):
                found += [(mark, place) for mark, _ in self._finder.feed(_packet(run, place))]
        return found

    def note(self, mark: Mark, place: int) -> None:
        """Take what begins at a place."""
        if mark is not Mark.KEYFRAME:
            self._places[mark].append(place)
            if place < self._keyframe_place:
                self._settle()
        elif place > self._keyframe_place:
            self._keyframe_place = place
            self.keyframe_indices = place // MAX_PACKETS_PER_DATAGRAM, self.keyframe_indices[0]
            self._settle()

    def _settle(self) -> None:
        """Start with the last PAT before the last PMT before the newest keyframe: it was sent in this order."""
        pmt_place = max((p for p in self._places[Mark.PMT] if p < self._keyframe_place), default=-1)
        pat_place = max((p for p in self._places[Mark.PAT] if p < pmt_place), default=-1)
        if pat_place >= 0:
            self.newest_index = max(self.newest_index or 0, pat_place // MAX_PACKETS_PER_DATAGRAM)


def _packet(run: PacketRun, place: int) -> bytes:
    """Return the transport packet at a place of ``run``; nothing past the end of a datagram."""
    row, packet_offset = divmod(place, MAX_PACKETS_PER_DATAGRAM)
    return run.payload(row)[packet_offset * TS_PACKET_BYTES : (packet_offset + 1) * TS_PACKET_BYTES].tobytes()
