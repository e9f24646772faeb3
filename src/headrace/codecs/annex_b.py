"""The byte stream of H.264 and HEVC: units with start codes between them.

Source: ITU-T H.264 and H.265, annex B.
"""

from collections.abc import Iterable
from typing import Final

START_CODE: Final = b"\0\0\x01"
LONG_START_CODE: Final = b"\0\0\0\x01"


def split_annex_b(data: bytes) -> list[bytes]:
    """Return the units of a byte stream without start codes and the zeros around them; none is empty.

    What stands before the first start code is no unit.
    """
    # A unit never ends with a zero byte (7.4.1), so zeros there are the next one's long start code, or stuffing.
    return [unit for piece in data.split(START_CODE)[1:] if (unit := piece.rstrip(b"\0"))]


def join_annex_b(units: Iterable[bytes]) -> bytes:
    """Return units as a byte stream, each behind a start code of four bytes."""
    return b"".join(LONG_START_CODE + unit for unit in units)
