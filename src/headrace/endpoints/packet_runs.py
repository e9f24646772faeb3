"""Which data packets of a batch can be taken together: consecutive ones of one connection.

Source: draft-sharabayko-srt, 3.1; ``docs/decisions/0014-runs-of-packets.md``.
"""

from itertools import pairwise
from typing import Final, NamedTuple

from headrace.base.seqno import SEQNO_MASK
from headrace.endpoints.packet_columns import PacketColumns
from headrace.fanout.subscriber_table import Rows
from headrace.mpegts.unit_starts import UnitStarts, find_unit_starts
from headrace.srt.packet import (
    CONTROL_BIT,
    HEADER_BYTES,
    KEY_FLAGS,
    MAX_PAYLOAD_BYTES,
    RETRANSMITTED_FLAG,
    SOLO_MESSAGE,
)

MIN_RUN_PACKETS: Final = 2
"""One packet alone is taken faster without columns."""

_KINDS: Final = SOLO_MESSAGE | RETRANSMITTED_FLAG
_NO_UNITS: Final = UnitStarts([], [])


class PacketRuns(NamedTuple):
    """The packets of a batch that are not subscribers', cut into runs.

    Each run is a single packet of any kind, or consecutive data packets in consecutive rows: of one destination,
    each a whole message, sent for the first time, and all sealed with one key, or none.

    Attributes:
        packets: The batch.
        rows: Row of each packet.
        headers: Header words of each packet.
        lengths: Bytes of each payload; less than 0 where there is no whole header.
        bounds: Where in ``rows`` each run begins, and how many rows there are.
        first_row: The first row of a run of several packets.
        unit_starts: Of all payloads from ``first_row`` to the last row of such a run.
    """

    packets: PacketColumns
    rows: list[int]
    headers: list[list[int]]
    lengths: list[int]
    bounds: list[int]
    first_row: int
    unit_starts: UnitStarts

    @classmethod
    def of(cls, packets: PacketColumns, rows: Rows) -> "PacketRuns":
        """Return the runs of the packets at ``rows``, which are in order."""
        headers, lengths = packets.headers(rows), (packets.lengths[rows] - HEADER_BYTES).tolist()
        row_list: list[int] = rows.tolist()
        bounds = _bounds(row_list, headers, lengths)
        several = [(begin, end) for begin, end in pairwise(bounds) if end - begin >= MIN_RUN_PACKETS]
        if not several:
            return cls(packets, row_list, headers, lengths, bounds, 0, _NO_UNITS)
        first_row, last_row = row_list[several[0][0]], row_list[several[-1][1] - 1]
        which = slice(first_row, last_row + 1)
        unit_starts = find_unit_starts(packets.transport_headers(which), packets.lengths[which] - HEADER_BYTES)
        return cls(packets, row_list, headers, lengths, bounds, first_row, unit_starts)

    def unit_starts_of(self, begin: int, end: int) -> UnitStarts:
        """Return where units begin in a run of several packets, ``begin`` to before ``end`` in ``rows``."""
        first = self.rows[begin] - self.first_row
        return self.unit_starts.within(first, first + end - begin)


def _bounds(rows: list[int], headers: list[list[int]], lengths: list[int]) -> list[int]:
    # NumPy is faster from a hundred packets on only, and then this takes 0.3 us a packet.
    bounds: list[int] = []
    next_one = None
    for position, (row, (seqno, message_word, _, socket_id)) in enumerate(zip(rows, headers, strict=True)):
        is_plain = message_word & _KINDS == SOLO_MESSAGE and seqno < CONTROL_BIT
        if not is_plain or not 0 < lengths[position] <= MAX_PAYLOAD_BYTES:
            bounds.append(position)
            next_one = None
            continue
        key_flags = message_word & KEY_FLAGS
        if next_one != (row, seqno, socket_id, key_flags):
            bounds.append(position)
        next_one = row + 1, (seqno + 1) & SEQNO_MASK, socket_id, key_flags
    return [*bounds, len(rows)]
