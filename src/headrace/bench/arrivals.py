"""Which packets have come to each of many receivers, kept as one matrix.

The scalar twin is a set of indices for each receiver; see the property test.

Source: draft-sharabayko-srt, 4.8.2, for what a receiver counts as lost.
"""

from typing import Final, NamedTuple

import numpy as np

from headrace.base.datagram_batch import BoolArray, I64Array

WINDOW_PACKETS: Final = 1024
"""So far behind the newest packet one is still waited for: 0.2 s of 50 Mbit/s."""


class Taken(NamedTuple):
    """What a batch of data packets brought.

    Attributes:
        rows: Receivers that got something new, none twice; shape ``(k,)``.
        counts: New packets of each; shape ``(k,)``.
        old_next_index: One past the newest index of each before; shape ``(k,)``.
    """

    rows: I64Array
    counts: I64Array
    old_next_index: I64Array


class Arrivals:
    """What each of ``receivers`` has got, by index: its packets count from 0.

    Every packet below ``next_index`` has been received, is missing, or has been given up.

    Args:
        receivers: How many.

    Attributes:
        next_index: One past the newest packet that came; shape ``(receivers,)``.
        contiguous_index: First packet that is missing, or ``next_index``; shape ``(receivers,)``.
        received_packets: Different packets that came in time; shape ``(receivers,)``.
        duplicate_packets: Packets that came again; shape ``(receivers,)``.
        belated_packets: Packets that came after they had been given up; shape ``(receivers,)``.
        recovered_packets: Packets that were missing and came; shape ``(receivers,)``.
        given_up_packets: Packets that are not waited for any more; shape ``(receivers,)``.
    """

    def __init__(self, receivers: int) -> None:
        self._receivers = receivers
        # The index that last had each place; the row is the receiver.
        self._places = np.full(receivers * WINDOW_PACKETS, -1, np.int64)
        self.next_index = np.zeros(receivers, np.int64)
        self.contiguous_index = np.zeros(receivers, np.int64)
        self.received_packets = np.zeros(receivers, np.int64)
        self.duplicate_packets = np.zeros(receivers, np.int64)
        self.belated_packets = np.zeros(receivers, np.int64)
        self.recovered_packets = np.zeros(receivers, np.int64)
        self.given_up_packets = np.zeros(receivers, np.int64)

    @property
    def missing_packets(self) -> I64Array:
        """How many packets each waits for; shape ``(receivers,)``."""
        return self.next_index - self.received_packets - self.given_up_packets

    def take(self, rows: I64Array, indices: I64Array) -> Taken:
        """Take packets, in the order in which they came; both of shape ``(n,)``."""
        is_fresh = self._mark(rows, indices)
        if not is_fresh.all():
            rows, indices = rows[is_fresh], indices[is_fresh]
        counts = self._count(rows)
        touched = np.flatnonzero(counts)
        old_next_index = self.next_index[touched]
        is_late = indices < self.next_index[rows]
        if is_late.any():
            self.recovered_packets += self._count(rows[is_late])
        np.maximum.at(self.next_index, rows, indices + 1)
        self.received_packets += counts
        self.give_up_below(touched, self.next_index[touched] - WINDOW_PACKETS)
        self._settle(touched)
        return Taken(touched, counts[touched], old_next_index)

    def _mark(self, rows: I64Array, indices: I64Array) -> BoolArray:
        """Note that packets are there, count those that are not new, and return which are."""
        places = rows * WINDOW_PACKETS + indices % WINDOW_PACKETS
        before = self._places[places]
        is_fresh = (before < indices) & (indices >= self.contiguous_index[rows])
        if not is_fresh.all():
            self._count_stale(rows[~is_fresh], before[~is_fresh] == indices[~is_fresh])
        # Of several copies in one batch, the last to write counts as the one that came.
        tickets = np.arange(-2, -2 - len(rows), -1)
        self._places[places[is_fresh]] = tickets[is_fresh]
        is_last: BoolArray = self._places[places] == tickets
        if not np.array_equal(is_last, is_fresh):
            self.duplicate_packets += self._count(rows[is_fresh & ~is_last])
        self._places[places[is_last]] = indices[is_last]
        return is_last

    def _count_stale(self, rows: I64Array, has_come: BoolArray) -> None:
        self.duplicate_packets += self._count(rows[has_come])
        self.belated_packets += self._count(rows[~has_come])

    def _count(self, rows: I64Array) -> I64Array:
        return np.bincount(rows, minlength=self._receivers)

    def _settle(self, rows: I64Array) -> None:
        """Find the first missing packet of each."""
        gappy = rows[self.missing_packets[rows] > 0]
        low = self.contiguous_index[gappy]
        self.contiguous_index[rows] = self.next_index[rows]
        if len(gappy):
            self.contiguous_index[gappy] = low + self.missing(gappy, low, self.next_index[gappy]).argmax(axis=1)

    def missing(self, rows: I64Array, low: I64Array, high: I64Array) -> BoolArray:
        """Return which of the indices from ``low`` to below ``high`` have not come.

        Args:
            rows: Receivers; shape ``(k,)``.
            low: Not below ``next_index - WINDOW_PACKETS``; shape ``(k,)``.
            high: Not above ``next_index``; shape ``(k,)``.

        Returns:
            Column ``j`` is about index ``low + j``; False from ``high`` on; shape ``(k, max(1, high - low))``.
        """
        indices = low[:, None] + np.arange((high - low).max(initial=1))
        places = rows[:, None] * WINDOW_PACKETS + indices % WINDOW_PACKETS
        is_missing: BoolArray = (self._places[places] != indices) & (indices < high[:, None])
        return is_missing

    def give_up_below(self, rows: I64Array, indices: I64Array) -> None:
        """Wait no more for what is missing below ``indices``; who misses nothing there stays as it is."""
        behind = indices > self.contiguous_index[rows]
        if not behind.any():
            return
        rows, low = rows[behind], indices[behind]
        high = self.next_index[rows]
        low = np.minimum(low, high)
        missing = self.missing(rows, low, high)
        self.given_up_packets[rows] = high - self.received_packets[rows] - missing.sum(axis=1)
        self.contiguous_index[rows] = np.where(missing.any(axis=1), low + missing.argmax(axis=1), high)
