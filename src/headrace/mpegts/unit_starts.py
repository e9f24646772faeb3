"""Where PES packets and sections begin in many datagrams at once: little else is of interest in a live stream.

The scalar twins are `headrace.mpegts.packet.is_transport_stream` and a look at each packet's second byte.

Source: ISO/IEC 13818-1, 2.4.3.2 (transport packet header), 2.4.3.3 (payload unit start indicator).
"""

from bisect import bisect_left
from typing import Final, NamedTuple

import numpy as np

from headrace.base.datagram_batch import BoolArray, I64Array, U32Array
from headrace.mpegts.packet import MAX_PACKETS_PER_DATAGRAM, SYNC_BYTE, TS_PACKET_BYTES, UNIT_START

_FULL_BYTES: Final = MAX_PACKETS_PER_DATAGRAM * TS_PACKET_BYTES
_OFFSETS: Final = np.arange(MAX_PACKETS_PER_DATAGRAM) * TS_PACKET_BYTES
# NumPy takes twice as long with a number of Python's.
_UNIT_BIT: Final = np.uint32(UNIT_START << 16)
_BEGIN: Final = np.uint32(SYNC_BYTE << 24 | UNIT_START << 16)
_BEGIN_MASK: Final = np.uint32(0xFF << 24 | UNIT_START << 16)
_PID_SHIFT: Final = np.uint32(8)
_PID_MASK: Final = np.uint32(0x1FFF)


class UnitStarts(NamedTuple):
    """Transport packets in which a unit begins, in order.

    Attributes:
        places: Datagram times `MAX_PACKETS_PER_DATAGRAM`, and transport packets before it in the datagram.
        pids: The PID of each.
    """

    places: list[int]
    pids: list[int]

    def within(self, begin: int, end: int) -> "UnitStarts":
        """Return those of the datagrams from ``begin`` to before ``end``, counted from ``begin``."""
        first_place = begin * MAX_PACKETS_PER_DATAGRAM
        first = bisect_left(self.places, first_place)
        last = bisect_left(self.places, end * MAX_PACKETS_PER_DATAGRAM)
        return UnitStarts([place - first_place for place in self.places[first:last]], self.pids[first:last])


def find_unit_starts(headers: U32Array, lengths: I64Array) -> UnitStarts:
    """Return where units begin in the payloads that are whole transport packets and nothing else.

    Args:
        headers: The four bytes at each multiple of 188 of each payload, in host order; shape ``(n, 7)``.
        lengths: Bytes of each payload; what ``headers`` says past them means nothing. Shape ``(n,)``.
    """
    begins = headers & _BEGIN_MASK
    starts = begins == _BEGIN
    if not ((lengths == _FULL_BYTES).all() and (begins | _UNIT_BIT == _BEGIN).all()):
        starts &= _is_taken(begins, lengths)
    places = starts.ravel().nonzero()[0]
    pids = headers.ravel()[places] >> _PID_SHIFT & _PID_MASK
    return UnitStarts(places.tolist(), pids.tolist())


def _is_taken(begins: U32Array, lengths: I64Array) -> BoolArray:
    """Return whether each transport packet is there, and its payload nothing but transport packets."""
    is_within = lengths[:, None] > _OFFSETS
    is_packet = begins | _UNIT_BIT == _BEGIN
    is_whole = (lengths <= _FULL_BYTES) & (lengths % TS_PACKET_BYTES == 0) & (is_packet | ~is_within).all(axis=1)
    taken: BoolArray = is_within & is_whole[:, None]
    return taken
