"""The subscribers of one channel, gathered from the table only when they have changed."""

import numpy as np

from headrace.fanout.sent_totals import SentTotals
from headrace.fanout.subscriber_table import Rows, SubscriberColumns, SubscriberTable


class SubscriberGroup:
    """Rows of the table: those that get what comes, and those that still catch up with the backlog.

    Args:
        table: Where the rows are.

    Attributes:
        gone: What those were sent who have left.
    """

    __slots__ = ("_behind", "_behind_rows", "_columns", "_newest_start_index", "_rows", "_table", "gone")

    def __init__(self, table: SubscriberTable) -> None:
        self._table = table
        self._rows: set[int] = set()
        self._behind: set[int] = set()
        self._columns: SubscriberColumns | None = None
        self._newest_start_index = 0
        self._behind_rows: Rows | None = None
        self.gone = SentTotals()

    def __len__(self) -> int:
        return len(self._rows) + len(self._behind)

    def add(self, row: int) -> None:
        """Let a new subscriber, or one that was behind, get what comes."""
        if row in self._behind:
            self._behind.remove(row)
            self._behind_rows = None
        self._rows.add(row)
        self._columns = None

    def add_behind(self, row: int) -> None:
        """Put in a new subscriber that is to catch up first."""
        self._behind.add(row)
        self._behind_rows = None

    def fall_behind(self) -> None:
        """Let all that get what comes catch up first."""
        self._behind |= self._rows
        self._rows.clear()
        self._columns = self._behind_rows = None

    def remove(self, row: int) -> None:
        """Take one subscriber out, whose row of the table is still its own."""
        if row in self._behind:
            self._behind.remove(row)
            self._behind_rows = None
        else:
            self._rows.remove(row)
            self._columns = None
        entry = self._table.rows[row]
        self.gone.add(
            sent_packets=int(entry["sent_packets"]),
            sent_payload_bytes=int(entry["sent_payload_bytes"]),
            resent_packets=int(entry["resent_packets"]),
        )

    def refresh(self) -> None:
        """Note that what the table says of a subscriber has changed."""
        self._columns = None

    @property
    def columns(self) -> SubscriberColumns:
        """The columns of those that get what comes, in the order of their rows unless `rotate` changed it."""
        if self._columns is None:
            self._columns = self._table.gather(_sorted_rows(self._rows))
            self._newest_start_index = int(self._columns.start_index.max(initial=0))
        return self._columns

    def rotate(self, served: int) -> None:
        """Let those who come after the first ``served`` be the first from now on, until somebody joins or leaves.

        When the socket has room for some only, it is each time others who have to ask again.
        """
        columns = self.columns
        self._columns = columns.select(np.roll(np.arange(len(columns.rows)), -served))

    @property
    def behind_rows(self) -> Rows:
        """The rows of those that catch up, in order; shape ``(n,)``."""
        if self._behind_rows is None:
            self._behind_rows = _sorted_rows(self._behind)
        return self._behind_rows

    @property
    def newest_start_index(self) -> int:
        """The channel packet from which on every packet is for all that get what comes."""
        _ = self.columns  # gathered anew if anybody has come or gone
        return self._newest_start_index


def _sorted_rows(rows: set[int]) -> Rows:
    return np.fromiter(sorted(rows), np.intp, len(rows))
