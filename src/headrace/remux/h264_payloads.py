"""H.264 pictures as RTP payloads: small units together, large ones in pieces of equal size.

Equal sizes matter: one system call sends all packets of a picture only if they are as long (UDP_SEGMENT).

Source: RFC 6184, 5.6 (single unit), 5.7.1 (STAP-A), 5.8 (FU-A).
"""

from collections.abc import Iterable
from typing import Final

from headrace.codecs.h264 import NEEDLESS_TYPES, NalType

_AGGREGATE_OVERHEAD_BYTES: Final = 2
_FU_HEADER_BYTES: Final = 2
_START, _END = 0x80, 0x40


def pack_h264(nals: Iterable[bytes], max_payload_bytes: int) -> list[bytes]:
    """Return the payloads of one picture, in order, none longer than ``max_payload_bytes``."""
    payloads: list[bytes] = []
    together: list[bytes] = []
    room_bytes = max_payload_bytes - 1
    for nal in nals:
        if nal[0] & 0x1F in NEEDLESS_TYPES:
            continue
        needed_bytes = len(nal) + _AGGREGATE_OVERHEAD_BYTES
        if needed_bytes > room_bytes and together:
            payloads.append(_aggregate(together))
            together, room_bytes = [], max_payload_bytes - 1
        if len(nal) > max_payload_bytes:
            payloads += _split(nal, max_payload_bytes)
        elif needed_bytes > room_bytes:
            payloads.append(nal)
        else:
            together.append(nal)
            room_bytes -= needed_bytes
    if together:
        payloads.append(_aggregate(together))
    return payloads


def _aggregate(nals: list[bytes]) -> bytes:
    if len(nals) == 1:
        return nals[0]
    # The forbidden bit of any, and the highest importance (5.7.1).
    first = max(nal[0] & 0x60 for nal in nals) | max(nal[0] & 0x80 for nal in nals) | NalType.STAP_A
    return bytes([first]) + b"".join(len(nal).to_bytes(2, "big") + nal for nal in nals)


def _split(nal: bytes, max_payload_bytes: int) -> list[bytes]:
    """Return FU-A pieces of equal size; the last may be shorter by less bytes than there are pieces."""
    body_bytes = len(nal) - 1
    room_bytes = max_payload_bytes - _FU_HEADER_BYTES
    pieces = -(-body_bytes // room_bytes)
    piece_bytes = -(-body_bytes // pieces)
    indicator, kind = nal[0] & 0xE0 | NalType.FU_A, nal[0] & 0x1F
    starts = range(1, len(nal), piece_bytes)
    return [
        bytes([indicator, kind | (_START if at == 1 else 0) | (_END if at == starts[-1] else 0)])
        + nal[at : at + piece_bytes]
        for at in starts
    ]
