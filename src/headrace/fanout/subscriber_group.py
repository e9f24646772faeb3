"""The subscribers of one channel, gathered from the table only when they have changed."""

import numpy as np

from headrace.fanout.subscriber_table import SubscriberColumns, SubscriberTable


class SubscriberGroup:
    """A set of rows of the table.

    Args:
        table: Where the rows are.
    """

    __slots__ = ("_columns", "_rows", "_table")

    def __init__(self, table: SubscriberTable) -> None:
        self._table = table
        self._rows: set[int] = set()
        self._columns: SubscriberColumns | None = None

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, row: int) -> None:
        """Put one subscriber in."""
        self._rows.add(row)
        self._columns = None

    def remove(self, row: int) -> None:
        """Take one subscriber out."""
        self._rows.remove(row)
        self._columns = None

    @property
    def columns(self) -> SubscriberColumns:
        """The subscribers' columns, in the order of their rows."""
        if self._columns is None:
            self._columns = self._table.gather(np.fromiter(sorted(self._rows), np.intp, len(self._rows)))
        return self._columns

    @property
    def newest_start_index(self) -> int:
        """The channel packet from which on every packet is for every subscriber."""
        return int(self.columns.start_index.max(initial=0))
