"""Program specific information: which PIDs carry what.

Source: ISO/IEC 13818-1, 2.4.4 (PSI), 2.4.4.3 (PAT), 2.4.4.8 (PMT), 2.6 (descriptors), Annex A (CRC).
"""

from dataclasses import dataclass
from typing import Final

from headrace.base.errors import PacketError
from headrace.mpegts.packet import MAX_PAYLOAD_BYTES

PAT_TABLE_ID: Final = 0x00
PMT_TABLE_ID: Final = 0x02
REGISTRATION_DESCRIPTOR: Final = 0x05
MAX_SECTION_BYTES: Final = 1024
"""A PAT or PMT section is at most 1021 bytes after its 3-byte start (2.4.4.4)."""


def _crc_table() -> tuple[int, ...]:
    table: list[int] = []
    for byte in range(256):
        register = byte << 24
        for _ in range(8):
            register = (register << 1) ^ (0x04C11DB7 if register & 0x8000_0000 else 0)
        table.append(register & 0xFFFF_FFFF)
    return tuple(table)


_CRC_TABLE: Final = _crc_table()


def crc32_mpeg2(data: bytes) -> int:
    """Return the CRC-32/MPEG-2: polynomial 0x04C11DB7, not reflected, all ones at first, no final xor."""
    register = 0xFFFF_FFFF
    for byte in data:
        register = ((register << 8) & 0xFFFF_FFFF) ^ _CRC_TABLE[register >> 24 ^ byte]
    return register


@dataclass(frozen=True, slots=True)
class Descriptor:
    """One descriptor: tag and up to 255 bytes of content."""

    tag: int
    content: bytes

    def encode(self) -> bytes:
        """Return tag, length and content."""
        return bytes([self.tag, len(self.content)]) + self.content


@dataclass(frozen=True, slots=True)
class ProgramAssociation:
    """A PAT section: which PID carries the map of which program. Program 0 is the network PID."""

    transport_stream_id: int
    version: int
    program_pids: tuple[tuple[int, int], ...]
    current: bool = True


@dataclass(frozen=True, slots=True)
class ElementaryStream:
    """One stream of a program."""

    stream_type: int
    pid: int
    descriptors: tuple[Descriptor, ...] = ()

    @property
    def format_ids(self) -> tuple[bytes, ...]:
        """Format identifiers of its registration descriptors (2.6.8), which say what private data is."""
        return tuple(one.content[:4] for one in self.descriptors if one.tag == REGISTRATION_DESCRIPTOR)


@dataclass(frozen=True, slots=True)
class ProgramMap:
    """A PMT section: the streams of one program."""

    program_number: int
    version: int
    pcr_pid: int
    descriptors: tuple[Descriptor, ...]
    streams: tuple[ElementaryStream, ...]
    current: bool = True


def _open_section(section: bytes, table_id: int) -> tuple[int, int, bool, bytes]:
    """Return the table id extension, version, current flag and body of a section with a right CRC."""
    if len(section) < 12:
        raise PacketError("short_section", f"{len(section)} bytes")
    if section[0] != table_id:
        raise PacketError("other_table", f"table id {section[0]}")
    if len(section) != 3 + ((section[1] & 0x0F) << 8 | section[2]):
        raise PacketError("bad_section_length")
    if crc32_mpeg2(section) != 0:
        raise PacketError("bad_section_crc")
    extension = section[3] << 8 | section[4]
    return extension, section[5] >> 1 & 0x1F, bool(section[5] & 1), section[8:-4]


def _close_section(table_id: int, extension: int, version: int, current: bool, body: bytes) -> bytes:
    length_bytes = 5 + len(body) + 4
    if length_bytes + 3 > MAX_SECTION_BYTES:
        raise ValueError(f"a section of {length_bytes + 3} bytes is over {MAX_SECTION_BYTES}")
    section = bytes([table_id]) + (0xB000 | length_bytes).to_bytes(2, "big") + extension.to_bytes(2, "big")
    section += bytes([0xC0 | version << 1 | current, 0, 0]) + body
    return section + crc32_mpeg2(section).to_bytes(4, "big")


def decode_pat(section: bytes) -> ProgramAssociation:
    """Decode a PAT section, CRC included.

    Raises:
        PacketError: It is not one, or its CRC is wrong.
    """
    extension, version, current, body = _open_section(section, PAT_TABLE_ID)
    if len(body) % 4:
        raise PacketError("bad_pat_length")
    pairs = tuple(
        (body[at] << 8 | body[at + 1], (body[at + 2] & 0x1F) << 8 | body[at + 3]) for at in range(0, len(body), 4)
    )
    return ProgramAssociation(extension, version, pairs, current)


def encode_pat(pat: ProgramAssociation) -> bytes:
    """Return a PAT section with its CRC."""
    body = b"".join(
        program.to_bytes(2, "big") + (0xE000 | pid).to_bytes(2, "big") for program, pid in pat.program_pids
    )
    return _close_section(PAT_TABLE_ID, pat.transport_stream_id, pat.version, pat.current, body)


def decode_descriptors(data: bytes) -> tuple[Descriptor, ...]:
    """Decode a descriptor loop.

    Raises:
        PacketError: ``bad_descriptor``, one reaches past the end.
    """
    descriptors: list[Descriptor] = []
    offset = 0
    while offset < len(data):
        if offset + 2 > len(data) or offset + 2 + data[offset + 1] > len(data):
            raise PacketError("bad_descriptor")
        end = offset + 2 + data[offset + 1]
        descriptors.append(Descriptor(data[offset], data[offset + 2 : end]))
        offset = end
    return tuple(descriptors)


def decode_pmt(section: bytes) -> ProgramMap:
    """Decode a PMT section, CRC included.

    Raises:
        PacketError: It is not one, or its CRC is wrong.
    """
    program_number, version, current, body = _open_section(section, PMT_TABLE_ID)
    if len(body) < 4:
        raise PacketError("short_pmt")
    pcr_pid = (body[0] & 0x1F) << 8 | body[1]
    offset = 4 + ((body[2] & 0x0F) << 8 | body[3])
    if offset > len(body):
        raise PacketError("bad_program_info_length")
    descriptors = decode_descriptors(body[4:offset])
    streams: list[ElementaryStream] = []
    while offset < len(body):
        if offset + 5 > len(body):
            raise PacketError("bad_stream_loop")
        end = offset + 5 + ((body[offset + 3] & 0x0F) << 8 | body[offset + 4])
        if end > len(body):
            raise PacketError("bad_stream_loop")
        pid = (body[offset + 1] & 0x1F) << 8 | body[offset + 2]
        streams.append(ElementaryStream(body[offset], pid, decode_descriptors(body[offset + 5 : end])))
        offset = end
    return ProgramMap(program_number, version, pcr_pid, descriptors, tuple(streams), current)


def encode_pmt(pmt: ProgramMap) -> bytes:
    """Return a PMT section with its CRC.

    Raises:
        ValueError: It is over `MAX_SECTION_BYTES`.
    """
    program_info = b"".join(descriptor.encode() for descriptor in pmt.descriptors)
    body = (0xE000 | pmt.pcr_pid).to_bytes(2, "big") + (0xF000 | len(program_info)).to_bytes(2, "big")
    body += program_info
    for stream in pmt.streams:
        info = b"".join(descriptor.encode() for descriptor in stream.descriptors)
        body += bytes([stream.stream_type]) + (0xE000 | stream.pid).to_bytes(2, "big")
        body += (0xF000 | len(info)).to_bytes(2, "big") + info
    return _close_section(PMT_TABLE_ID, pmt.program_number, pmt.version, pmt.current, body)


def sections_to_unit(sections: list[bytes]) -> bytes:
    """Return sections with a pointer field before and 0xFF after, a whole number of packet payloads."""
    unit = b"\0" + b"".join(sections)
    return unit + b"\xff" * (-len(unit) % MAX_PAYLOAD_BYTES)


class SectionAssembler:
    """Joins the payloads of one PID to sections; holds one section and one payload at most."""

    __slots__ = ("_buffer", "_started")

    def __init__(self) -> None:
        self._buffer = b""
        self._started = False

    @property
    def is_within_section(self) -> bool:
        """Whether a payload in which no section begins would be taken: as more of one, or as stuffing."""
        return self._started

    def reset(self) -> None:
        """Forget a section that is not whole, after a lost packet."""
        self._buffer, self._started = b"", False

    def feed(self, payload: bytes, *, payload_unit_start: bool) -> list[bytes]:
        """Return the sections that are now whole, CRC not yet checked.

        Raises:
            PacketError: ``bad_pointer_field`` or ``section_too_long``; what was held is forgotten.
        """
        sections: list[bytes] = []
        if payload_unit_start:
            if not payload or payload[0] >= len(payload):
                self.reset()
                raise PacketError("bad_pointer_field")
            start = 1 + payload[0]
            if self._started:
                self._buffer += payload[1:start]
                self._take(sections)
            self._buffer, self._started = payload[start:], True
        elif self._started:
            self._buffer += payload
        self._take(sections)
        return sections

    def _take(self, sections: list[bytes]) -> None:
        while self._started and len(self._buffer) >= 3:
            if self._buffer[0] == 0xFF:
                self.reset()
                return
            length_bytes = 3 + ((self._buffer[1] & 0x0F) << 8 | self._buffer[2])
            if length_bytes > MAX_SECTION_BYTES:
                self.reset()
                raise PacketError("section_too_long", f"{length_bytes} bytes")
            if len(self._buffer) < length_bytes:
                return
            sections.append(self._buffer[:length_bytes])
            self._buffer = self._buffer[length_bytes:]
