"""HEVC: the kinds of units.

Source: ITU-T H.265, 7.3.1.2 and 7.4.2.2 (table 7-1).
"""

from collections.abc import Iterable
from enum import IntEnum
from typing import Final

HEADER_BYTES: Final = 2


class NalType(IntEnum):
    """``nal_unit_type``, as far as it matters here."""

    IDR_W_RADL = 19
    IDR_N_LP = 20
    CRA = 21
    VPS = 32
    SPS = 33
    PPS = 34
    ACCESS_UNIT_DELIMITER = 35
    END_OF_SEQUENCE = 36
    FILLER = 38
    AGGREGATION = 48
    FRAGMENTATION = 49


NEEDLESS_TYPES: Final = frozenset({NalType.ACCESS_UNIT_DELIMITER, NalType.FILLER})
"""What an RTP receiver has no use for."""
FIRST_KEY_TYPE, LAST_KEY_TYPE = 16, 21
"""Pictures with which decoding can start (IRAP)."""


def nal_type(nal: bytes) -> int:
    """Return the ``nal_unit_type`` of a unit that has at least a byte."""
    return nal[0] >> 1 & 0x3F


def is_keyframe(nals: Iterable[bytes]) -> bool:
    """Return whether a picture has a slice with which decoding can start."""
    return any(FIRST_KEY_TYPE <= nal_type(nal) <= LAST_KEY_TYPE for nal in nals)
