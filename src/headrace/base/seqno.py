"""Arithmetic on 31-bit packet sequence numbers and 32-bit microsecond timestamps, both of which wrap.

Source: draft-sharabayko-srt, 3.1 (fields), 4.8.1 (sequence ranges).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

SEQNO_MODULUS: Final = 1 << 31
SEQNO_MASK: Final = SEQNO_MODULUS - 1
TIMESTAMP_MODULUS_US: Final = 1 << 32


def add_seqno(seqno: int, packets: int) -> int:
    """Return ``seqno + packets`` modulo 2**31; ``packets`` may be negative."""
    return (seqno + packets) & SEQNO_MASK


def seqno_distance(start: int, end: int) -> int:
    """Return how many packets lie from ``start`` to ``end``, in [-2**30, 2**30): negative if ``end`` is older."""
    return ((end - start + 0x4000_0000) & SEQNO_MASK) - 0x4000_0000


def seqno_distances(start: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return what `seqno_distance` does for each pair; shapes as given."""
    return ((end - start + 0x4000_0000) & SEQNO_MASK) - 0x4000_0000


def timestamp_distance_us(start_us: int, end_us: int) -> int:
    """Return the microseconds from one 32-bit timestamp to another, in [-2**31, 2**31)."""
    return ((end_us - start_us + 0x8000_0000) & 0xFFFF_FFFF) - 0x8000_0000


def unwrap_seqno(seqno: int, near: int) -> int:
    """Return the unbounded packet index nearest to ``near`` that is ``seqno`` modulo 2**31."""
    return near + seqno_distance(near & SEQNO_MASK, seqno)


def unwrap_timestamp_us(timestamp_us: int, near_us: int) -> int:
    """Return the unbounded time nearest to ``near_us`` that is ``timestamp_us`` modulo 2**32."""
    return near_us + timestamp_distance_us(near_us & 0xFFFF_FFFF, timestamp_us)
