"""Pictures of H.264 and HEVC as RTP payloads: small units together, large ones in pieces of equal size.

Equal sizes matter: one system call sends all packets of a picture only if they are as long (UDP_SEGMENT).

Source: RFC 6184, 5.6 (single unit), 5.7.1 (STAP-A), 5.8 (FU-A); RFC 7798, 4.4.1 to 4.4.3, without decoding order
numbers.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from headrace.codecs import h264, hevc

_LENGTH_BYTES: Final = 2
_START, _END = 0x80, 0x40


@dataclass(frozen=True, slots=True)
class NalFormat:
    """How the units of a codec are packed.

    Attributes:
        header_bytes: Of a unit.
        needless_types: Units that are left out.
        nal_type: Returns the type of a unit.
        aggregate_header: Returns what stands before units that travel together.
        piece_header: Returns the header of a piece, given its unit's, of ``header_bytes`` and one more.
    """

    header_bytes: int
    needless_types: frozenset[int]
    nal_type: Callable[[bytes], int]
    aggregate_header: Callable[[list[bytes]], bytes]
    piece_header: Callable[[bytes], bytes]


def _aggregate_h264(nals: list[bytes]) -> bytes:
    # The forbidden bit of any, and the highest importance (5.7.1).
    first = max(nal[0] & 0x60 for nal in nals) | max(nal[0] & 0x80 for nal in nals) | h264.NalType.STAP_A
    return bytes([first])


def _aggregate_hevc(nals: list[bytes]) -> bytes:
    """Return a header with the lowest layer and the lowest temporal id (4.4.2)."""
    layer = min((nal[0] & 1) << 5 | nal[1] >> 3 for nal in nals)
    temporal_id = min(nal[1] & 7 for nal in nals)
    return bytes([hevc.NalType.AGGREGATION << 1 | layer >> 5, (layer & 31) << 3 | temporal_id])


def _piece_h264(nal: bytes) -> bytes:
    return bytes([nal[0] & 0xE0 | h264.NalType.FU_A, nal[0] & 0x1F])


def _piece_hevc(nal: bytes) -> bytes:
    return bytes([nal[0] & 0x81 | hevc.NalType.FRAGMENTATION << 1, nal[1], nal[0] >> 1 & 0x3F])


H264_FORMAT: Final = NalFormat(1, frozenset(h264.NEEDLESS_TYPES), h264.nal_type, _aggregate_h264, _piece_h264)
HEVC_FORMAT: Final = NalFormat(2, frozenset(hevc.NEEDLESS_TYPES), hevc.nal_type, _aggregate_hevc, _piece_hevc)


def pack_nals(nals: Iterable[bytes], kind: NalFormat, max_payload_bytes: int) -> list[bytes]:
    """Return the payloads of one picture, in order, none longer than ``max_payload_bytes``."""
    payloads: list[bytes] = []
    together: list[bytes] = []
    whole_room_bytes = room_bytes = max_payload_bytes - kind.header_bytes
    for nal in nals:
        if len(nal) < kind.header_bytes or kind.nal_type(nal) in kind.needless_types:
            continue
        needed_bytes = len(nal) + _LENGTH_BYTES
        if needed_bytes > room_bytes and together:
            payloads.append(_aggregate(together, kind))
            together, room_bytes = [], whole_room_bytes
        if len(nal) > max_payload_bytes:
            payloads += _split(nal, kind, max_payload_bytes)
        elif needed_bytes > room_bytes:
            payloads.append(nal)
        else:
            together.append(nal)
            room_bytes -= needed_bytes
    if together:
        payloads.append(_aggregate(together, kind))
    return payloads


def _aggregate(nals: list[bytes], kind: NalFormat) -> bytes:
    if len(nals) == 1:
        return nals[0]
    return kind.aggregate_header(nals) + b"".join(len(nal).to_bytes(_LENGTH_BYTES, "big") + nal for nal in nals)


def _split(nal: bytes, kind: NalFormat, max_payload_bytes: int) -> list[bytes]:
    """Return pieces of equal size; the last may be shorter by less bytes than there are pieces."""
    header = kind.piece_header(nal)
    body_bytes = len(nal) - kind.header_bytes
    room_bytes = max_payload_bytes - len(header)
    pieces = -(-body_bytes // room_bytes)
    piece_bytes = -(-body_bytes // pieces)
    starts = range(kind.header_bytes, len(nal), piece_bytes)
    return [
        header[:-1]
        + bytes([header[-1] | (_START if at == starts[0] else 0) | (_END if at == starts[-1] else 0)])
        + nal[at : at + piece_bytes]
        for at in starts
    ]
