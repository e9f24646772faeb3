"""From transport stream bytes of any chunking to PES packets with their times.

Source: ISO/IEC 13818-1, 2.4.3 (PES in packets), 2.4.4 (PSI).
"""

from collections import Counter
from dataclasses import dataclass
from typing import Final

from headrace.base.errors import PacketError
from headrace.mpegts.packet import NULL_PID, PAT_PID, PacketFinder, TsPacket, decode_packet
from headrace.mpegts.pes import decode_pes_header
from headrace.mpegts.psi import (
    ElementaryStream,
    ProgramMap,
    SectionAssembler,
    decode_pat,
    decode_pmt,
)

MAX_PES_BYTES: Final = 4 << 20
"""A 4K keyframe at 50 Mbit/s is about 1 MiB; four times that is not a frame any more."""
MAX_BUFFERED_BYTES: Final = 16 << 20
"""All streams together, so that many PIDs that never end a PES cannot add up."""
MAX_PROGRAMS: Final = 16
MAX_STREAMS: Final = 64


@dataclass(frozen=True, slots=True)
class PesPacket:
    """One whole PES packet.

    Attributes:
        pid: Packet identifier of its stream.
        stream_type: ``stream_type`` of the PMT.
        pts_90khz: Presentation time modulo 2**33, if given.
        dts_90khz: Decoding time modulo 2**33, if given.
        payload: What follows the PES header.
        random_access: The packet it starts in has the random access indicator.
        follows_loss: Something of its stream between the one before and this one is missing.
    """

    pid: int
    stream_type: int
    pts_90khz: int | None
    dts_90khz: int | None
    payload: bytes
    random_access: bool
    follows_loss: bool = False


class _Assembly:
    """One elementary stream: the PES packet that is being put together.

    It is one array: a list of payloads would grow with those that are empty or a byte short.
    """

    __slots__ = (
        "data",
        "ended_at_stuffing",
        "ends_at_stuffing",
        "follows_loss",
        "is_begun",
        "random_access",
        "stream_type",
        "wanted_bytes",
    )

    def __init__(self, stream_type: int, *, ends_at_stuffing: bool) -> None:
        self.stream_type = stream_type
        self.ends_at_stuffing = ends_at_stuffing
        self.follows_loss = False
        self.clear()

    def clear(self) -> None:
        self.data = bytearray()
        self.is_begun = False
        self.ended_at_stuffing = False
        self.wanted_bytes = 0
        self.random_access = False


class Demuxer:
    """Takes a transport stream, gives PES packets. Never raises on what it is fed.

    Args:
        ends_at_stuffing: A PES packet without a length ends with a transport packet that is stuffed, and does not
            wait for the next one: only what ends needs stuffing (2.4.3.5). A stream in which one goes on
            nevertheless is not believed again.

    Attributes:
        drops: How often something was thrown away, by reason.
        programs: Program maps by program number, as last announced.
    """

    __slots__ = (
        "_assemblies",
        "_buffered_bytes",
        "_counters",
        "_ends_at_stuffing",
        "_finder",
        "_pmt_pids",
        "_sections",
        "drops",
        "programs",
    )

    def __init__(self, *, ends_at_stuffing: bool = False) -> None:
        self._ends_at_stuffing = ends_at_stuffing
        self._finder = PacketFinder()
        self._counters: dict[int, int] = {}
        self._pmt_pids: dict[int, int] = {}
        self._sections: dict[int, SectionAssembler] = {PAT_PID: SectionAssembler()}
        self._assemblies: dict[int, _Assembly] = {}
        self._buffered_bytes = 0
        self.drops: Counter[str] = Counter()
        self.programs: dict[int, ProgramMap] = {}

    @property
    def skipped_bytes(self) -> int:
        """Bytes that were in no packet."""
        return self._finder.skipped_bytes

    @property
    def streams(self) -> tuple[ElementaryStream, ...]:
        """Elementary streams of all programs."""
        return tuple(stream for program in self.programs.values() for stream in program.streams)

    @property
    def buffered_bytes(self) -> int:
        """Bytes held of PES packets that are not whole."""
        return self._buffered_bytes

    def feed(self, data: bytes) -> list[PesPacket]:
        """Return the PES packets that are now whole, in the order in which they ended."""
        found: list[PesPacket] = []
        for packet in self._finder.feed(data):
            self._handle_packet(packet, found)
        return found

    def handle_loss(self) -> None:
        """Throw away what is not whole, as something is missing before what comes next."""
        for pid in (*self._sections, *self._assemblies):
            self._damage(pid)

    def flush(self) -> list[PesPacket]:
        """Return what ends with the stream: PES packets of no given length."""
        found: list[PesPacket] = []
        for packet in self._finder.flush():
            self._handle_packet(packet, found)
        for pid in self._assemblies:
            self._finish(pid, found)
        return found

    def _handle_packet(self, data: bytes, found: list[PesPacket]) -> None:
        try:
            packet = decode_packet(data)
            known = packet.pid in self._sections or packet.pid in self._assemblies
            if not known or packet.pid == NULL_PID:
                return
            if packet.transport_error or packet.scrambled:
                self.drops["transport_error" if packet.transport_error else "scrambled"] += 1
                self._damage(packet.pid)
            elif self._is_continuous(packet) and packet.has_payload:
                if packet.pid in self._sections:
                    self._handle_section_packet(packet, found)
                else:
                    self._handle_pes_packet(packet, found)
        except PacketError as error:
            self.drops[error.reason] += 1

    def _is_continuous(self, packet: TsPacket) -> bool:
        """Check the continuity counter; return False for a repetition, which carries nothing new."""
        last = self._counters.get(packet.pid)
        if packet.discontinuity:
            self._damage(packet.pid, "discontinuity")
        elif last is not None and packet.has_payload:
            if packet.continuity_counter == last:
                # 2.4.3.3: "a packet may be transmitted as two, and only two, consecutive packets".
                self.drops["duplicate_packet"] += 1
                return False
            if packet.continuity_counter != (last + 1) & 15:
                self.drops["continuity_error"] += 1
                self._damage(packet.pid)
        if packet.has_payload or packet.discontinuity:
            self._counters[packet.pid] = packet.continuity_counter
        return True

    def _damage(self, pid: int, reason: str = "damaged_pes") -> None:
        """Throw away the unit of ``pid`` that is being put together."""
        if pid in self._sections:
            self._sections[pid].reset()
        assembly = self._assemblies.get(pid)
        if assembly is None:
            return
        assembly.ended_at_stuffing = False
        assembly.follows_loss = True
        if assembly.is_begun:
            self.drops[reason] += 1
            self._clear(assembly)

    def _clear(self, assembly: _Assembly) -> None:
        self._buffered_bytes -= len(assembly.data)
        assembly.clear()

    def _handle_section_packet(self, packet: TsPacket, found: list[PesPacket]) -> None:
        sections = self._sections[packet.pid].feed(packet.payload, payload_unit_start=packet.payload_unit_start)
        for section in sections:
            try:
                if packet.pid == PAT_PID:
                    self._handle_pat(section)
                else:
                    self._handle_pmt(section, packet.pid, found)
            except PacketError as error:
                self.drops[error.reason] += 1

    def _handle_pat(self, section: bytes) -> None:
        pat = decode_pat(section)
        if not pat.current:
            return
        pairs = [(program, pid) for program, pid in pat.program_pids if program and pid != PAT_PID]
        if len(pairs) > MAX_PROGRAMS:
            raise PacketError("too_many_programs", f"{len(pairs)}")
        pids = {pid: program for program, pid in pairs}
        for pid in self._sections.keys() - pids.keys() - {PAT_PID}:
            del self._sections[pid]
        for pid in pids:
            self._sections.setdefault(pid, SectionAssembler())
        self._pmt_pids = pids
        wanted = {program for program, _ in pairs}
        for program in self.programs.keys() - wanted:
            del self.programs[program]

    def _handle_pmt(self, section: bytes, pid: int, found: list[PesPacket]) -> None:
        pmt = decode_pmt(section)
        if not pmt.current or self.programs.get(pmt.program_number) == pmt:
            return
        if pid not in self._pmt_pids or len(self.programs) >= MAX_PROGRAMS:
            raise PacketError("unexpected_pmt")
        programs = self.programs | {pmt.program_number: pmt}
        types = {stream.pid: stream.stream_type for program in programs.values() for stream in program.streams}
        if len(types) > MAX_STREAMS:
            raise PacketError("too_many_streams", f"{len(types)}")
        self.programs = programs
        for gone in [known for known, old in self._assemblies.items() if types.get(known) != old.stream_type]:
            self._finish(gone, found)
            del self._assemblies[gone]
        for stream_pid, stream_type in types.items():
            if stream_pid not in self._sections and stream_pid != NULL_PID:
                assembly = _Assembly(stream_type, ends_at_stuffing=self._ends_at_stuffing)
                self._assemblies.setdefault(stream_pid, assembly)

    def _handle_pes_packet(self, packet: TsPacket, found: list[PesPacket]) -> None:
        assembly = self._assemblies[packet.pid]
        if packet.payload_unit_start:
            self._finish(packet.pid, found)
            if packet.payload[:3] != b"\0\0\x01"[: len(packet.payload)]:
                raise PacketError("no_pes_start_code")
            assembly.is_begun = True
            assembly.random_access = packet.random_access
            assembly.wanted_bytes = _announced_bytes(packet.payload)
        elif not assembly.is_begun:
            if assembly.ended_at_stuffing:
                assembly.ends_at_stuffing = assembly.ended_at_stuffing = False
                self.drops["stuffing_within_pes"] += 1
            raise PacketError("no_pes_start")
        assembly.data += packet.payload
        self._buffered_bytes += len(packet.payload)
        if len(assembly.data) > MAX_PES_BYTES or self._buffered_bytes > MAX_BUFFERED_BYTES:
            self._clear(assembly)
            assembly.follows_loss = True
            raise PacketError("pes_too_long")
        if assembly.wanted_bytes:
            is_whole = len(assembly.data) >= assembly.wanted_bytes
        else:
            is_whole = packet.is_stuffed and assembly.ends_at_stuffing
        if is_whole:
            ended_at_stuffing = not assembly.wanted_bytes
            self._finish(packet.pid, found)
            assembly.ended_at_stuffing = ended_at_stuffing

    def _finish(self, pid: int, found: list[PesPacket]) -> None:
        assembly = self._assemblies[pid]
        if not assembly.is_begun:
            return
        data, random_access = bytes(assembly.data), assembly.random_access
        wanted_bytes = _announced_bytes(data)
        self._clear(assembly)
        follows_loss, assembly.follows_loss = assembly.follows_loss, True
        if len(data) < wanted_bytes:
            self.drops["short_pes"] += 1
            return
        try:
            header = decode_pes_header(data)
        except PacketError as error:
            self.drops[error.reason] += 1
            return
        assembly.follows_loss = False
        end = wanted_bytes or len(data)
        payload = data[header.payload_offset : end]
        found.append(
            PesPacket(
                pid,
                assembly.stream_type,
                header.pts_90khz,
                header.dts_90khz,
                payload,
                random_access,
                follows_loss,
            )
        )


def _announced_bytes(start: bytes) -> int:
    """Return the whole length that a PES packet announces, or 0 if it does not, or not in these bytes."""
    length_bytes = start[4] << 8 | start[5] if len(start) >= 6 else 0
    return 6 + length_bytes if length_bytes else 0
