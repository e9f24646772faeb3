"""Packets that have come and wait for their delivery time.

They are kept as runs of consecutive ones, as a burst is taken in at once and is due at once.

Source: draft-sharabayko-srt, 4.5 (TSBPD).
"""

from bisect import bisect_right
from collections.abc import Iterable
from typing import Final, NamedTuple

MAX_GROWN_PACKETS: Final = 64
"""A run grows packet by packet up to this length, which keeps both the runs and what is moved within one few."""


class HeldRun(NamedTuple):
    """Consecutive packets.

    Attributes:
        first_index: Unbounded index of the first.
        payloads: One each.
        origins_us: When the sender stamped each, on our clock.
    """

    first_index: int
    payloads: list[bytes]
    origins_us: list[int]

    @property
    def end_index(self) -> int:
        """One past the index of the last."""
        return self.first_index + len(self.origins_us)


class ReceiveBuffer:
    """Packets by index, each at most once."""

    __slots__ = ("_firsts", "_packets", "_runs")

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._runs: list[HeldRun] = []
        self._packets = 0

    def __len__(self) -> int:
        """Number of packets held."""
        return self._packets

    def __contains__(self, index: int) -> bool:
        position = bisect_right(self._firsts, index) - 1
        return position >= 0 and index < self._runs[position].end_index

    @property
    def first_origin_us(self) -> int | None:
        """When the oldest packet was stamped, or None."""
        return self._runs[0].origins_us[0] if self._runs else None

    def add(self, index: int, payload: bytes, origin_us: int) -> None:
        """Hold one packet that is not held yet."""
        position = bisect_right(self._firsts, index)
        self._packets += 1
        if position:
            before = self._runs[position - 1]
            if before.end_index == index and len(before.origins_us) < MAX_GROWN_PACKETS:
                before.payloads.append(payload)
                before.origins_us.append(origin_us)
                return
        self._firsts.insert(position, index)
        self._runs.insert(position, HeldRun(index, [payload], [origin_us]))

    def add_run(self, run: HeldRun) -> None:
        """Hold consecutive packets that are newer than all held."""
        self._firsts.append(run.first_index)
        self._runs.append(run)
        self._packets += len(run.origins_us)

    def pop_below(self, index: int) -> None:
        """Hold nothing older than ``index``."""
        while self._runs and self._runs[0].first_index < index:
            self._pop(min(index - self._runs[0].first_index, len(self._runs[0].origins_us)))

    def pop_due(self, newest_origin_us: int) -> list[HeldRun]:
        """Take out and return, in order, what lies before the first packet stamped after ``newest_origin_us``."""
        due: list[HeldRun] = []
        while self._runs:
            origins_us = self._runs[0].origins_us
            count = _leading(origins_us, newest_origin_us)
            is_whole = count == len(origins_us)
            if count:
                due.append(self._pop(count))
            if not is_whole:
                break
        return due

    def _pop(self, count: int) -> HeldRun:
        """Take out and return the oldest ``count`` packets, at most the whole oldest run."""
        run = self._runs[0]
        self._packets -= count
        if count == len(run.origins_us):
            del self._runs[0], self._firsts[0]
            return run
        popped = HeldRun(run.first_index, run.payloads[:count], run.origins_us[:count])
        self._firsts[0] += count
        self._runs[0] = HeldRun(self._firsts[0], run.payloads[count:], run.origins_us[count:])
        return popped


def _leading(origins_us: Iterable[int], newest_us: int) -> int:
    """Return how many of ``origins_us`` lie before the first that is after ``newest_us``."""
    count = 0
    for origin_us in origins_us:
        if origin_us > newest_us:
            break
        count += 1
    return count
