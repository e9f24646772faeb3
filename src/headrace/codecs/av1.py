"""AV1: open bitstream units (OBUs), and how they stand in a transport stream.

Source: AV1 Bitstream & Decoding Process Specification, 4.10.5 (leb128), 5.3 (OBU), 5.9.2 (frame header), 6.2.2
(types); "Carriage of AV1 in MPEG-2 TS" (AOM), 3.2 (start codes, with the emulation prevention of H.264).
"""

from collections.abc import Iterable
from enum import IntEnum
from typing import Final

from headrace.base.errors import PacketError

MAX_LEB128_BYTES: Final = 8
_HAS_EXTENSION, _HAS_SIZE = 0x04, 0x02
_KEY_FRAME: Final = 0


class ObuType(IntEnum):
    """``obu_type``, as far as it matters here."""

    SEQUENCE_HEADER = 1
    TEMPORAL_DELIMITER = 2
    FRAME_HEADER = 3
    TILE_GROUP = 4
    METADATA = 5
    FRAME = 6
    TILE_LIST = 8
    PADDING = 15


NEEDLESS_TYPES: Final = frozenset({ObuType.TEMPORAL_DELIMITER, ObuType.TILE_LIST, ObuType.PADDING})
"""What is not sent by RTP ("RTP Payload Format For AV1", 5)."""


def encode_leb128(value: int) -> bytes:
    """Return a number of up to 56 bits, seven in each byte, the lowest first."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def decode_leb128(data: bytes, offset: int) -> tuple[int, int]:
    """Return the number at ``offset``, and where it ends.

    Raises:
        PacketError: ``bad_leb128``: it does not end, or is over 32 bits.
    """
    value = 0
    for number, byte in enumerate(data[offset : offset + MAX_LEB128_BYTES]):
        value |= (byte & 0x7F) << 7 * number
        if byte < 0x80:
            if value >> 32:
                break
            return value, offset + number + 1
    raise PacketError("bad_leb128")


def obu_type(obu: bytes) -> int:
    """Return the type of a unit that has at least a byte."""
    return obu[0] >> 3 & 15


def _header_bytes(obu: bytes) -> int:
    return 2 if obu[0] & _HAS_EXTENSION else 1


def without_size(obu: bytes) -> bytes:
    """Return a whole unit without its size field, as RTP packets have it.

    Raises:
        PacketError: ``short_obu`` or ``bad_leb128``.
    """
    start = _header_bytes(obu)
    if len(obu) < start:
        raise PacketError("short_obu")
    if not obu[0] & _HAS_SIZE:
        return obu
    size_bytes, body = decode_leb128(obu, start)
    if body + size_bytes > len(obu):
        raise PacketError("short_obu")
    return bytes([obu[0] & ~_HAS_SIZE]) + obu[1:start] + obu[body : body + size_bytes]


def with_size(obu: bytes) -> bytes:
    """Return a unit that has no size field with one."""
    start = _header_bytes(obu)
    return bytes([obu[0] | _HAS_SIZE]) + obu[1:start] + encode_leb128(len(obu) - start) + obu[start:]


def is_keyframe(obus: Iterable[bytes]) -> bool:
    """Return whether the first picture among units without size fields is one with which decoding can start."""
    for obu in obus:
        start = _header_bytes(obu)
        if obu_type(obu) in {ObuType.FRAME, ObuType.FRAME_HEADER} and len(obu) > start:
            # show_existing_frame, then frame_type of two bits.
            return obu[start] >> 5 == _KEY_FRAME
    return False


def escape(obu: bytes) -> bytes:
    """Return a unit with emulation prevention: no start code can be in it."""
    out, zeros = bytearray(), 0
    for byte in obu:
        if zeros == 2 and byte <= 3:
            out.append(3)
            zeros = 0
        out.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    if out and out[-1] == 0:
        out.append(3)
    return bytes(out)
