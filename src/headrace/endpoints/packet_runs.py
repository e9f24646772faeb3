"""Which data packets of a batch can be taken together: consecutive ones of one connection.

Source: draft-sharabayko-srt, 3.1; ``docs/decisions/0014-runs-of-packets.md``.
"""

from typing import Final, NamedTuple

import numpy as np

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

_NO_UNITS: Final = UnitStarts([], [])


class PacketRuns(NamedTuple):
    """The packets of a batch that are not subscribers', cut into runs.

    Each run is a single packet of any kind, or consecutive data packets in consecutive rows: of one destination,
    each a whole message that is not encrypted and is sent for the first time.

    Attributes:
        packets: The batch.
        rows: Rows of the packets; shape ``(n,)``.
        bounds: Where in ``rows`` each run begins, and ``n``.
        unit_starts: Of all of ``rows``.
    """

    packets: PacketColumns
    rows: list[int]
    bounds: list[int]
    unit_starts: UnitStarts

    @classmethod
    def of(cls, packets: PacketColumns, rows: Rows) -> "PacketRuns":
        """Return the runs of the packets at ``rows``, which are in order."""
        bounds = _bounds(packets, rows) if len(rows) >= MIN_RUN_PACKETS else list(range(len(rows) + 1))
        if len(bounds) == len(rows) + 1:
            return cls(packets, rows.tolist(), bounds, _NO_UNITS)
        lengths = packets.lengths[rows] - HEADER_BYTES
        return cls(packets, rows.tolist(), bounds, find_unit_starts(packets.transport_headers(rows), lengths))

    def payload_lengths(self, begin: int, end: int) -> list[int]:
        """Return the bytes of each payload from ``begin`` to before ``end`` in ``rows``, of one run."""
        first = self.rows[begin]
        lengths: list[int] = (self.packets.lengths[first : first + end - begin] - HEADER_BYTES).tolist()
        return lengths


def _bounds(packets: PacketColumns, rows: Rows) -> list[int]:
    words, lengths = packets.words[rows], packets.lengths[rows]
    seqnos = words[:, 0]
    is_plain = words[:, 1] & (SOLO_MESSAGE | KEY_FLAGS | RETRANSMITTED_FLAG) == SOLO_MESSAGE
    is_plain &= (seqnos < CONTROL_BIT) & (lengths > HEADER_BYTES) & (lengths <= HEADER_BYTES + MAX_PAYLOAD_BYTES)
    goes_on = is_plain[1:] & is_plain[:-1]
    goes_on &= (seqnos[1:] - seqnos[:-1]) & SEQNO_MASK == 1
    goes_on &= words[1:, 3] == words[:-1, 3]
    goes_on &= rows[1:] - rows[:-1] == 1
    return [0, *(np.flatnonzero(~goes_on) + 1).tolist(), len(rows)]
