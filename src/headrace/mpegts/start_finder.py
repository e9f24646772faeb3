"""Where decoding can start: looks for tables and keyframes in payloads as they come, in any order.

Source: ISO/IEC 13818-1, 2.4.3.5 (random access indicator), 2.4.4 (tables); the types of units: ITU-T H.264, 7.4.1,
H.265, 7.4.2.2, H.262, 6.2.1, AV1, 6.2.2, and "Carriage of AV1 in MPEG-2 TS" (AOM, 2023), 2.1 and 3.2.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, NamedTuple

from headrace.base.errors import PacketError
from headrace.codecs import h264
from headrace.mpegts.packet import (
    HAS_ADAPTATION,
    HAS_PAYLOAD,
    PAT_PID,
    SCRAMBLED,
    TRANSPORT_ERROR,
    TS_PACKET_BYTES,
    UNIT_START,
    is_transport_stream,
    payload_offset,
)
from headrace.mpegts.psi import (
    ElementaryStream,
    ProgramAssociation,
    SectionAssembler,
    decode_pat,
    decode_pmt,
)
from headrace.mpegts.stream_type import AV1_FORMAT, VIDEO_STREAM_TYPES, StreamType
from headrace.mpegts.tables import Tables

_START_CODE: Final = b"\0\0\x01"
_RANDOM_ACCESS: Final = 0x40


class Mark(Enum):
    """What begins in a transport packet."""

    PAT = auto()
    PMT = auto()
    KEYFRAME = auto()


class Found(NamedTuple):
    """A mark and its place.

    Attributes:
        mark: What begins there.
        packet_offset: Transport packets before it in the payload.
    """

    mark: Mark
    packet_offset: int


@dataclass(frozen=True, slots=True)
class _UnitTypes:
    """What the units of a codec, each after a start code, say about the picture that they belong to.

    Attributes:
        shift: Right shift that brings the type of a unit to the lowest bits of the first byte.
        mask: Applied after the shift.
        decides: By type: whether decoding can start with this picture.
        hints: Types that stand only before pictures with which it can; one that decides may follow.
        notes: Type of those among which a recovery point of H.264 may be; None for none such.
    """

    shift: int
    mask: int
    decides: Mapping[int, bool]
    hints: frozenset[int] = frozenset()
    notes: int | None = None


_NO_UNITS: Final = _UnitTypes(0, 0, {})
_AV1_UNITS: Final = _UnitTypes(3, 0x0F, {1: True, 3: False, 6: False})  # sequence header, frame header, frame
_MPEG_UNITS: Final = _UnitTypes(0, 0xFF, {0xB3: True, 0x00: False})  # sequence header, picture
_UNIT_TYPES: Final[Mapping[int, _UnitTypes]] = {
    # Slices of an IDR picture, of others; parameter sets.
    StreamType.H264: _UnitTypes(0, 0x1F, {5: True} | dict.fromkeys(range(1, 5), False), frozenset({7}), notes=6),
    # IRAP pictures, others; video and sequence parameter sets.
    StreamType.HEVC: _UnitTypes(1, 0x3F, {n: 16 <= n <= 21 for n in range(32)}, frozenset({32, 33})),
    StreamType.MPEG1_VIDEO: _MPEG_UNITS,
    StreamType.MPEG2_VIDEO: _MPEG_UNITS,
}


class _TablePid:
    """One PID of tables; what is repeated is not decoded again."""

    __slots__ = ("_assembler", "_body", "_section")

    def __init__(self) -> None:
        self._assembler = SectionAssembler()
        self._body = b""
        self._section = b""

    @property
    def is_within_section(self) -> bool:
        """Whether the next packet may go on with a section, even if none begins there."""
        return self._assembler.is_within_section

    def feed(self, body: bytes, *, unit_start: bool) -> list[bytes]:
        """Return the sections that are whole and other than the last one."""
        if body == self._body:
            return []
        self._body = b""
        try:
            sections = self._assembler.feed(body, payload_unit_start=unit_start)
        except PacketError:
            return []
        fresh = [section for section in sections if section != self._section]
        if sections:
            self._section = sections[-1]
            self._body = body if unit_start else b""
        return fresh


class StartFinder:
    """Knows one producer's tables, and finds where they and its keyframes begin.

    Of several programs it follows the first, and of that the first video. The random access indicator is believed
    on the video alone, as encoders set it on every piece of sound. Where it is not set, the units in the first
    transport packet of a picture tell, for H.264, HEVC, MPEG-1 and -2, and AV1. Of H.264 a recovery point with a
    sequence parameter set is one too: encoders that refresh the picture little by little send no other.

    Attributes:
        tables: The newest ones; None before they are whole, and where there are several programs.
        video_pid: The PID in which keyframes are looked for, or None.
        is_within_section: Whether a packet in which no unit begins can matter: a table goes on there.
    """

    __slots__ = ("_pat", "_program", "_tables", "_units", "is_within_section", "tables", "video_pid")

    def __init__(self) -> None:
        self.tables: Tables | None = None
        self.is_within_section = False
        self._pat: ProgramAssociation | None = None
        self._tables: dict[int, _TablePid] = {PAT_PID: _TablePid()}
        self._program: tuple[int, int] | None = None
        self.video_pid: int | None = None
        self._units = _NO_UNITS

    def feed(self, payload: bytes) -> list[Found]:
        """Return what begins in ``payload``, in order; nothing unless it is whole transport packets."""
        found: list[Found] = []
        if not is_transport_stream(payload):
            return found
        video_pid, tables = self.video_pid, self._tables
        for start in range(0, len(payload), TS_PACKET_BYTES):
            second = payload[start + 1]
            pid = (second & 0x1F) << 8 | payload[start + 2]
            if (second & UNIT_START and pid == video_pid) or pid in tables:
                mark = self.feed_packet(pid, payload[start : start + TS_PACKET_BYTES])
                video_pid, tables = self.video_pid, self._tables
                if mark is not None:
                    found.append(Found(mark, start // TS_PACKET_BYTES))
        return found

    def follows(self, pid: int) -> bool:
        """Return whether packets of ``pid`` matter."""
        return pid == self.video_pid or pid in self._tables

    def feed_packet(self, pid: int, packet: bytes) -> Mark | None:
        """Return what begins in one transport packet of a PID that it `follows`."""
        unit_start = packet[1] & UNIT_START
        if pid == self.video_pid:
            return Mark.KEYFRAME if unit_start and self._is_keyframe(packet) else None
        if packet[1] & TRANSPORT_ERROR:
            return None
        self._handle_table(pid, packet)
        self.is_within_section = any(table.is_within_section for table in self._tables.values())
        if not unit_start:
            return None
        return Mark.PAT if pid == PAT_PID else Mark.PMT

    def _handle_table(self, pid: int, packet: bytes) -> None:
        if not packet[3] & HAS_PAYLOAD:
            return
        unit_start = bool(packet[1] & UNIT_START)
        for section in self._tables[pid].feed(packet[payload_offset(packet) :], unit_start=unit_start):
            try:
                if pid == PAT_PID:
                    self._take_pat(section)
                else:
                    self._take_pmt(section)
            except PacketError:
                continue

    def _take_pat(self, section: bytes) -> None:
        pat = decode_pat(section)
        if not pat.current:
            return
        program = next((program for program in pat.program_pids if program[0]), None)
        self._pat = pat
        if program == self._program:
            return
        self._program, self.video_pid, self.tables = program, None, None
        self._tables = {PAT_PID: self._tables[PAT_PID]}
        if program is not None:
            self._tables[program[1]] = _TablePid()

    def _take_pmt(self, section: bytes) -> None:
        pmt = decode_pmt(section)
        if not pmt.current or self._program is None or pmt.program_number != self._program[0]:
            return
        has_one_program = self._pat is not None and sum(1 for number, _ in self._pat.program_pids if number) == 1
        self.tables = Tables(self._pat, pmt) if self._pat is not None and has_one_program else None
        for stream in pmt.streams:
            if _is_av1(stream) or stream.stream_type in VIDEO_STREAM_TYPES:
                units = _AV1_UNITS if _is_av1(stream) else _UNIT_TYPES.get(stream.stream_type, _NO_UNITS)
                self.video_pid, self._units = stream.pid, units
                return
        self.video_pid = None

    def _is_keyframe(self, packet: bytes) -> bool:
        if packet[1] & TRANSPORT_ERROR:
            return False
        if packet[3] & HAS_ADAPTATION and packet[4] and packet[5] & _RANDOM_ACCESS:
            return True
        if packet[3] & SCRAMBLED or not packet[3] & HAS_PAYLOAD:
            return False
        hinted = recovers = False
        for at in _unit_places(packet):
            unit = packet[at] >> self._units.shift & self._units.mask
            if unit in self._units.decides:
                return self._units.decides[unit] or (hinted and recovers)
            hinted = hinted or unit in self._units.hints
            recovers = recovers or (unit == self._units.notes and h264.is_recovery_point([packet[at:]]))
        return hinted


def _is_av1(stream: ElementaryStream) -> bool:
    return stream.stream_type == StreamType.PRIVATE_DATA and AV1_FORMAT in stream.format_ids


def _unit_places(packet: bytes) -> Iterator[int]:
    """Yield where units begin, behind their start codes, in the first transport packet of a PES packet."""
    start = payload_offset(packet)
    if packet[start : start + 3] != _START_CODE or start + 9 > len(packet):
        return
    found = packet.find(_START_CODE, start + 9 + packet[start + 8])
    while 0 <= found < len(packet) - 3:
        yield found + 3
        found = packet.find(_START_CODE, found + 3)
