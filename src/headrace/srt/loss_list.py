"""Which packets are missing: sorted, disjoint ranges of unbounded packet indices.

Source: draft-sharabayko-srt, 4.8.2 (receiver's loss list), 4.8.1 (sender's).
"""

from bisect import bisect_left


class LossList:
    """Ranges of packet indices, both ends inclusive. Every operation costs O(log ranges), plus ranges touched."""

    __slots__ = ("_firsts", "_lasts", "_packets")

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        self._packets = 0

    def __len__(self) -> int:
        """Number of packets in the list."""
        return self._packets

    def __contains__(self, index: int) -> bool:
        position = bisect_left(self._lasts, index)
        return position < len(self._firsts) and self._firsts[position] <= index

    @property
    def first(self) -> int | None:
        """The oldest missing index, or None."""
        return self._firsts[0] if self._firsts else None

    def ranges(self) -> list[tuple[int, int]]:
        """Return all ranges, oldest first."""
        return list(zip(self._firsts, self._lasts, strict=True))

    def add(self, first: int, last: int) -> None:
        """Put ``first`` to ``last`` in, joining what overlaps or touches."""
        start = bisect_left(self._lasts, first - 1)
        end = start
        while end < len(self._firsts) and self._firsts[end] <= last + 1:
            first, last = min(first, self._firsts[end]), max(last, self._lasts[end])
            self._packets -= self._lasts[end] - self._firsts[end] + 1
            end += 1
        self._firsts[start:end] = [first]
        self._lasts[start:end] = [last]
        self._packets += last - first + 1

    def remove(self, index: int) -> bool:
        """Take one index out; return whether it was in."""
        return self.remove_range(index, index) == 1

    def remove_below(self, index: int) -> int:
        """Take out everything older than ``index``; return how many packets that were."""
        return self.remove_range(self._firsts[0], index - 1) if self._firsts else 0

    def remove_range(self, first: int, last: int) -> int:
        """Take out ``first`` to ``last``; return how many of them were in. An empty range removes nothing."""
        if first > last:
            return 0
        start = bisect_left(self._lasts, first)
        end = start
        removed = 0
        pieces: list[tuple[int, int]] = []
        while end < len(self._firsts) and self._firsts[end] <= last:
            low, high = self._firsts[end], self._lasts[end]
            pieces += [(a, b) for a, b in ((low, first - 1), (last + 1, high)) if low <= a <= b <= high]
            removed += min(high, last) - max(low, first) + 1
            end += 1
        self._firsts[start:end] = [a for a, _ in pieces]
        self._lasts[start:end] = [b for _, b in pieces]
        self._packets -= removed
        return removed

    def pop_first(self) -> int | None:
        """Take the oldest index out and return it, or None."""
        first = self.first
        if first is not None:
            self.remove(first)
        return first
