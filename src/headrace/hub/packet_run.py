"""Consecutive packets of one producer that came together, as columns."""

from typing import NamedTuple

from headrace.base.datagram_batch import U8Array
from headrace.mpegts.unit_starts import UnitStarts


class PacketRun(NamedTuple):
    """``n`` packets.

    Attributes:
        payloads: One a row, as wide as the longest; shape ``(n, w)``.
        lengths: Bytes used of each row.
        times_us: Channel time of each.
        unit_starts: Where units begin in transport packets.
    """

    payloads: U8Array
    lengths: list[int]
    times_us: list[int]
    unit_starts: UnitStarts

    def payload(self, row: int) -> U8Array:
        """Return a view of one payload; shape ``(length,)``."""
        return self.payloads[row, : self.lengths[row]]
