"""The one stream that a channel's subscribers get, made of its producers' streams one after another.

Source: ``docs/decisions/0011-one-timeline.md``.
"""

from collections.abc import Iterable
from typing import Final

import numpy as np

from headrace.base.datagram_batch import U8Array
from headrace.fanout.ring import DEFAULT_BACKLOG, BacklogLimit, Ring
from headrace.hub.last_counters import last_counters
from headrace.hub.packet_run import PacketRun
from headrace.hub.start_points import StartPoints
from headrace.mpegts.packet import MAX_PACKETS_PER_DATAGRAM, TS_PACKET_BYTES
from headrace.mpegts.pes import PTS_MODULUS_90KHZ, pts_distance_90khz
from headrace.mpegts.psi import ElementaryStream
from headrace.mpegts.splice import Splice, unit_start
from headrace.mpegts.start_finder import Mark
from headrace.mpegts.tables import Tables
from headrace.mpegts.unit_times import find_stream_end, oldest_dts_90khz

_DATAGRAM_BYTES: Final = MAX_PACKETS_PER_DATAGRAM * TS_PACKET_BYTES
_END_PACKETS: Final = 1024
"""So many are looked through for the newest time: 4 s of 2.5 Mbit/s, and several pictures of 50 Mbit/s."""
_LEAST_GAP_90KHZ: Final = 3_600
"""The last picture is seen for 40 ms."""
_MOST_GAP_90KHZ: Final = 450_000
"""5 s. FFmpeg takes a step of 10 s for another clock, and then puts reordered pictures one before the other."""
_SLATE_GAP_90KHZ: Final = 36_000
"""0.4 s. FFmpeg's muxer sends sound up to 0.3 s after the pictures of its time: where the first picture followed
the slate at once, such sound would be of the slate's time. Nobody sees a still picture last longer."""
MAX_EARLIER_STREAMS: Final = 64
"""Of producers before the last: ten makes of encoder, each with other streams. They are gone through whenever a
stream changes its tables, which it may do with each packet."""


class ChannelStream:
    """Puts packets into the channel's ring so that they continue what is there.

    Args:
        backlog: How much a new subscriber may be sent of what there was before it came.

    Attributes:
        ring: The packets.
        splice: How the present producer's stream continues the one before; None while there was none before.
    """

    __slots__ = ("_backlog", "_counters", "_is_slate", "_starts", "_streams", "ring", "splice")

    def __init__(self, backlog: BacklogLimit = DEFAULT_BACKLOG) -> None:
        self.ring = Ring(backlog=backlog)
        self.splice: Splice | None = None
        self._backlog = backlog
        self._starts = StartPoints()
        self._counters: dict[int, int] = {}
        self._streams: dict[int, ElementaryStream] = {}
        self._is_slate = False

    @property
    def tables(self) -> Tables | None:
        """What subscribers were told last; None before the first tables, and for several programs."""
        return self._starts.tables

    @property
    def video_pid(self) -> int | None:
        """The PID of the pictures, or None."""
        return self._starts.video_pid

    def picture_start(self, payload: bytes) -> int | None:
        """Return the offset at which a picture begins in a payload as its producer sent it, or None."""
        pid = self.video_pid
        if pid is not None and self.splice is not None:
            pid = self.splice.source_pid(pid)
        return None if pid is None else unit_start(payload, pid)

    @property
    def keyframe_indices(self) -> tuple[int, int]:
        """Packets in which the newest keyframe and the one before it begin; -1 where none is known."""
        return self._starts.keyframe_indices

    def put(self, index: int, payload: U8Array, time_us: int, *, is_whole: bool = True) -> bool:
        """Keep one packet, as `Ring.put` does, and look whether a new subscriber could start with it.

        Args:
            index: Channel packet index.
            payload: Shape ``(length,)``.
            time_us: Channel time.
            is_whole: As of `Splice.mend`.
        """
        content = payload.tobytes()
        if self.splice is not None:
            content = self.splice.mend(content, is_whole=is_whole)
            payload = np.frombuffer(content, np.uint8)
        if not self.ring.put(index, payload, time_us):
            return False
        self._starts.handle_payload(index, content)
        if self._backlog.age_us:
            self.ring.backlog_index = self._starts.newest_index
        return True

    def put_run(self, first_index: int, run: PacketRun, *, is_whole: bool = True) -> list[int]:
        """Keep consecutive packets, as `put` does each of them; return the indices of those that are new.

        Args:
            first_index: Channel packet index of the first.
            run: The packets.
            is_whole: As of `Splice.mend`.
        """
        indices = range(first_index, first_index + len(run.lengths))
        if self.splice is None and self.ring.capacity_packets and first_index >= self.ring.next_index:
            return self._put_unspliced(indices, run)
        return [
            index
            for row, index in enumerate(indices)
            if self.put(index, run.payload(row), run.times_us[row], is_whole=is_whole)
        ]

    def _put_unspliced(self, indices: range, run: PacketRun) -> list[int]:
        found = self._starts.look_through(run)
        # Which slots are free depends on where the backlog begins. From there it only ever moves on, which frees
        # more; but where there is none yet, a keyframe within the run begins one.
        begins_backlog = self.ring.backlog_index is None and any(mark is Mark.KEYFRAME for mark, _ in found)
        if begins_backlog or not self.ring.put_run(indices.start, run.payloads, run.lengths, run.times_us):
            return self._put_one_by_one(indices, run, found)
        self._note(indices.start, found)
        return list(indices)

    def _put_one_by_one(self, indices: range, run: PacketRun, found: list[tuple[Mark, int]]) -> list[int]:
        for row, index in enumerate(indices):
            if not self.ring.put(index, run.payload(row), run.times_us[row]):
                raise AssertionError("what is newer than all has a slot where there are any")
            self._note(indices.start, [item for item in found if item[1] // MAX_PACKETS_PER_DATAGRAM == row])
        return list(indices)

    def _note(self, first_index: int, found: list[tuple[Mark, int]]) -> None:
        for mark, place in found:
            self._starts.note(mark, first_index * MAX_PACKETS_PER_DATAGRAM + place)
        if self._backlog.age_us:
            self.ring.backlog_index = self._starts.newest_index

    def put_late(self, index: int, payload: U8Array, time_us: int, splice: Splice | None) -> bool:
        """Keep a packet from before the last `begin`, whose ``splice`` was that of its stream."""
        if splice is not None:
            payload = np.frombuffer(splice.mend(payload.tobytes(), is_whole=False), np.uint8)
        return self.ring.put(index, payload, time_us)

    def begin(self, tables: Tables | None, payloads: list[bytes], now_us: int, *, is_slate: bool = False) -> None:
        """Let another transport stream go on where the last one ended, and mark the place.

        Args:
            tables: The new stream's, as far as they are known.
            payloads: Its first ones, as far as they have come; they are not put in.
            now_us: Channel time of the first.
            is_slate: It is nobody's, and a still picture.
        """
        self._counters |= last_counters(self.ring)
        if self.tables is not None:
            self._remember(self.tables.pmt.streams)
        shift_90khz = self._shift_90khz(payloads, now_us)
        self._is_slate = is_slate
        splice = Splice(self.tables, tables, self._counters, shift_90khz, tuple(self._streams.values()))
        self.end()
        self.splice = None
        mark = splice.mark()
        self.append([mark[at : at + _DATAGRAM_BYTES] for at in range(0, len(mark), _DATAGRAM_BYTES)], now_us)
        self.splice = splice

    def _remember(self, streams: Iterable[ElementaryStream]) -> None:
        """Keep streams, so that one of their kind that comes again has the same PID; the newest, if many."""
        for stream in streams:
            self._streams.pop(stream.pid, None)
            self._streams[stream.pid] = stream
        for pid in list(self._streams)[:-MAX_EARLIER_STREAMS]:
            del self._streams[pid]

    def _shift_90khz(self, payloads: list[bytes], now_us: int) -> int:
        """Return by how much later the new stream is to be, so that its times follow those of the last one.

        Between them lies the time that has passed, within limits, and at least as much as the last sound takes;
        times that are not known are left as they are.
        """
        end = self.ring.next_index
        newest_90khz, sound_end_90khz = find_stream_end(self.payloads(range(max(0, end - _END_PACKETS), end)))
        oldest_90khz = oldest_dts_90khz(payloads)
        if newest_90khz is None or oldest_90khz is None:
            return 0
        ended_us = int(self.ring.times_us[(end - 1) & (self.ring.capacity_packets - 1)])
        gap_90khz = min(max(_LEAST_GAP_90KHZ, (now_us - ended_us) * 9 // 100), _MOST_GAP_90KHZ)
        if sound_end_90khz is not None:
            sound_90khz = pts_distance_90khz(newest_90khz, sound_end_90khz)
            gap_90khz = max(gap_90khz, sound_90khz + (_SLATE_GAP_90KHZ if self._is_slate else 0))
        return (newest_90khz + gap_90khz - oldest_90khz) % PTS_MODULUS_90KHZ

    def payloads(self, indices: range) -> list[bytes]:
        """Return those payloads of ``indices`` that are held, in order."""
        ring = self.ring
        slots = ring.slots(ring.held(np.array(indices, np.int64))).tolist()
        return [ring.store[slot, : ring.lengths[slot]].tobytes() for slot in slots]

    def append(self, payloads: list[bytes], time_us: int) -> list[int]:
        """Put in packets that nobody else numbers; return their indices."""
        first_index = self.ring.next_index
        for payload in payloads:
            self.put(self.ring.next_index, np.frombuffer(payload, np.uint8), time_us)
        return self.new_since(first_index)

    def end(self) -> None:
        """Let nobody start with what is here: it is not live any more."""
        self._starts.forget()
        self.ring.backlog_index = None

    def new_since(self, index: int) -> list[int]:
        """Return the indices of the packets held from ``index`` on."""
        indices: list[int] = self.ring.held(np.arange(index, self.ring.next_index)).tolist()
        return indices
