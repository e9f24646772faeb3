"""Makes one producer's transport stream go on where another's ended.

A player that has chosen its streams plays on: PIDs, tables, continuity counters and times continue, and the place
is marked, as the clock's beat is another one's from there on.

Source: ISO/IEC 13818-1, 2.4.3.3 (continuity counter), 2.4.3.5 (discontinuity indicator), 2.4.4 (tables);
ITU-T H.265, 8.1.3 (what follows an end of sequence); ``docs/decisions/0011-one-timeline.md``.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from headrace.base.errors import PacketError
from headrace.codecs import hevc
from headrace.mpegts.packet import (
    HAS_ADAPTATION,
    HAS_PAYLOAD,
    MAX_PAYLOAD_BYTES,
    NULL_PID,
    PAT_PID,
    SCRAMBLED,
    SYNC_BYTE,
    TS_PACKET_BYTES,
    UNIT_START,
    encode_packet,
    is_transport_stream,
    payload_offset,
    shift_pcr,
)
from headrace.mpegts.pes import VIDEO_STREAM_ID, shift_pes_times
from headrace.mpegts.psi import ElementaryStream, decode_pmt, encode_pat, encode_pmt, sections_to_unit
from headrace.mpegts.stream_type import StreamType
from headrace.mpegts.tables import Tables, continue_tables

_BEFORE_FIRST_COUNTER: Final = 15
"""What a PID that was not there before is marked with; its first packet has 0."""
_NULL_HEADER: Final = bytes([SYNC_BYTE, NULL_PID >> 8, NULL_PID & 0xFF, 0x10])
_DISCONTINUITY: Final = 0x80
_END_OF_SEQUENCE: Final = b"\0\0\0\x01" + bytes([hevc.NalType.END_OF_SEQUENCE << 1, 1])
_END_OF_HEVC: Final = (
    b"\0\0\x01" + bytes([VIDEO_STREAM_ID, 0, 3 + len(_END_OF_SEQUENCE), 0x80, 0, 0]) + _END_OF_SEQUENCE
)
"""A PES packet without times. A decoder then leaves out the pictures that are shown before the next keyframe and
refer to what was before it (RASL): here that is another producer's."""


def unit_start(payload: bytes, pid: int) -> int | None:
    """Return the offset in bytes of the first packet in which a unit of ``pid`` begins, or None."""
    high, low = UNIT_START | pid >> 8, pid & 0xFF
    for start in range(0, len(payload) - 2, TS_PACKET_BYTES):
        if payload[start + 1] & 0x5F == high and payload[start + 2] == low:
            return start
    return None


def blank(payload: bytes, begin: int, end: int) -> bytes:
    """Return ``payload`` with null packets from offset ``begin`` to ``end``, in bytes."""
    out = bytearray(payload)
    for start in range(begin, end, TS_PACKET_BYTES):
        out[start : start + 4] = _NULL_HEADER
    return bytes(out)


class _Route:
    """What becomes of one PID: its new one, and what is added to its continuity counter."""

    __slots__ = ("counter_step", "pid")

    def __init__(self, pid: int, counter_step: int) -> None:
        self.pid = pid
        self.counter_step = counter_step


class Splice:
    """A stream that continues another one.

    Where either has several programs, or its tables are not known, or are too long for a packet each, PIDs and
    tables stay as they are.

    Args:
        before: Tables of what was sent so far.
        after: Tables of the stream that goes on.
        counters: Last continuity counter of each PID that was sent so far.
        shift_90khz: Added to the times of the stream that goes on, modulo 2**33.
        earlier: Streams that were sent before those of ``before``.
    """

    __slots__ = (
        "_after",
        "_before",
        "_counters",
        "_earlier",
        "_ended_pids",
        "_pids",
        "_pmt_body",
        "_routes",
        "_shift_90khz",
        "_tables",
        "_units",
    )

    def __init__(
        self,
        before: Tables | None,
        after: Tables | None,
        counters: Mapping[int, int],
        shift_90khz: int = 0,
        earlier: tuple[ElementaryStream, ...] = (),
    ) -> None:
        self._earlier = earlier
        self._shift_90khz = shift_90khz
        self._before = before
        self._after = after
        self._routes: dict[int, _Route] = {}
        self._pids: dict[int, int] = {}
        self._tables = after
        self._units: dict[int, bytes] = {}
        self._pmt_body = b""
        if before is not None and after is not None:
            self._continue(before, after)
        self._ended_pids = self._find_ended_pids(counters)
        self._counters = {**counters, **{pid: counters[pid] + 1 for pid in self._ended_pids}}

    def _continue(self, before: Tables, after: Tables) -> None:
        tables, pids = continue_tables(before, after, self._earlier)
        pat_unit, pmt_unit = sections_to_unit([encode_pat(tables.pat)]), sections_to_unit([encode_pmt(tables.pmt)])
        # A table is put where the stream's own was, and that may have been a single packet.
        if max(len(pat_unit), len(pmt_unit)) > MAX_PAYLOAD_BYTES:
            return
        self._tables, self._pids = tables, {**pids, after.pmt_pid: tables.pmt_pid}
        self._routes = {pid: route for pid, route in self._routes.items() if self._pids.get(pid, pid) == route.pid}
        self._units = {PAT_PID: pat_unit, after.pmt_pid: pmt_unit}

    def _find_ended_pids(self, counters: Mapping[int, int]) -> set[int]:
        """Return the PIDs on which one sequence of HEVC follows another."""
        before = () if self._before is None else self._before.pmt.streams
        after = () if self._tables is None else self._tables.pmt.streams
        return _hevc_pids((*self._earlier, *before)) & _hevc_pids(after) & counters.keys()

    def source_pid(self, pid: int) -> int:
        """Return which PID of the stream that goes on has become ``pid``."""
        return next((old_pid for old_pid, new_pid in self._pids.items() if new_pid == pid), pid)

    def mark(self) -> bytes:
        """Return packets, to be sent before the first one, that announce the jump of clock and counters."""
        if self._tables is None:
            return b""
        return b"".join(
            _marking(pid, self._last_counter(pid), _END_OF_HEVC if pid in self._ended_pids else b"")
            for pid in sorted(self._tables.pids - {NULL_PID})
        )

    def _last_counter(self, pid: int) -> int:
        return self._counters.get(pid, _BEFORE_FIRST_COUNTER)

    def mend(self, payload: bytes, *, is_whole: bool) -> bytes:
        """Return ``payload`` as it continues what was sent.

        Args:
            payload: Whole transport packets; anything else is returned as it is.
            is_whole: Nothing is missing between the first packet of the stream and this one: what comes on a PID
                before its first unit begins belongs to one that will never be whole, and is blanked.
        """
        if not is_transport_stream(payload):
            return payload
        out = bytearray(payload)
        for start in range(0, len(out), TS_PACKET_BYTES):
            pid = (out[start + 1] & 0x1F) << 8 | out[start + 2]
            if pid == NULL_PID:
                continue
            route = self._routes.get(pid) or self._open(pid, out[start : start + 4], is_whole=is_whole)
            if route is None:
                out[start : start + 4] = _NULL_HEADER
            elif pid in self._units:
                self._put_table(out, start, pid, route)
            else:
                out[start + 1] = out[start + 1] & 0xE0 | route.pid >> 8
                out[start + 2] = route.pid & 0xFF
                out[start + 3] = out[start + 3] & 0xF0 | (out[start + 3] + route.counter_step) & 0x0F
                if out[start + 3] & HAS_ADAPTATION or out[start + 1] & UNIT_START:
                    self._shift_times(out, start)
        return bytes(out)

    def _shift_times(self, out: bytearray, start: int) -> None:
        flags = out[start + 3]
        shift_pcr(out, start, self._shift_90khz)
        if out[start + 1] & UNIT_START and flags & HAS_PAYLOAD and not flags & SCRAMBLED:
            offset = payload_offset(out, start)
            shift_pes_times(out, offset, start + TS_PACKET_BYTES, self._shift_90khz)

    def _open(self, pid: int, header: bytearray, *, is_whole: bool) -> _Route | None:
        """Return the route of a PID that comes for the first time, or None while it is to be blanked."""
        new_pid = self._pids.get(pid, pid)
        if pid not in self._pids and pid in self._pids.values():
            return None  # in no table, and its PID is another's now
        has_payload = bool(header[3] & HAS_PAYLOAD)
        if has_payload and is_whole and not header[1] & UNIT_START:
            return None
        route = _Route(new_pid, (self._last_counter(new_pid) + has_payload - header[3]) & 0x0F)
        if has_payload:
            self._routes[pid] = route
        return route

    def _put_table(self, out: bytearray, start: int, pid: int, route: _Route) -> None:
        packet = bytes(out[start : start + TS_PACKET_BYTES])
        if pid != PAT_PID:
            self._watch_pmt(packet)
        counter = (packet[3] + route.counter_step) & 0x0F
        if packet[1] & UNIT_START:
            unit = self._units[pid]
            out[start : start + TS_PACKET_BYTES] = encode_packet(route.pid, counter, unit, payload_unit_start=True)
        else:
            # The rest of a long section, of which the packet before had all that is left of it.
            out[start : start + TS_PACKET_BYTES] = _padding(route.pid, counter)

    def _watch_pmt(self, packet: bytes) -> None:
        """Continue the tables anew when the stream changes its PMT."""
        offset = payload_offset(packet)
        body = packet[offset:]
        if body == self._pmt_body or not packet[1] & UNIT_START or not body:
            return
        self._pmt_body = body
        section = body[1 + body[0] :]
        try:
            pmt = decode_pmt(section[: 3 + ((section[1] & 0x0F) << 8 | section[2])])
        except (PacketError, IndexError):
            return
        if self._before is None or self._after is None or self._tables is None or pmt == self._after.pmt:
            return
        if not pmt.current or pmt.program_number != self._after.pmt.program_number:
            return
        self._after = Tables(self._after.pat, pmt)
        self._continue(self._tables, self._after)


def _hevc_pids(streams: Iterable[ElementaryStream]) -> set[int]:
    return {stream.pid for stream in streams if stream.stream_type == StreamType.HEVC}


def _marking(pid: int, counter: int, unit: bytes) -> bytes:
    """Return a packet with the discontinuity indicator, and with ``unit`` if that is not empty."""
    control = HAS_ADAPTATION | (HAS_PAYLOAD if unit else 0)
    header = bytes([SYNC_BYTE, (UNIT_START if unit else 0) | pid >> 8, pid & 0xFF, control | counter & 0x0F])
    field_bytes = MAX_PAYLOAD_BYTES - len(unit)
    return header + bytes([field_bytes - 1, _DISCONTINUITY]).ljust(field_bytes, b"\xff") + unit


def _padding(pid: int, counter: int) -> bytes:
    """Return a packet of a table's PID that holds no section."""
    return encode_packet(pid, counter, b"\xff" * MAX_PAYLOAD_BYTES)
