"""How many log lines of one kind are written: few enough that callers in a loop cannot fill a disk.

Source: callers such as ffmpeg in a shell loop, or a scanner, come back within milliseconds.
"""

from collections import Counter
from typing import Final

WINDOW_US: Final = 10_000_000
"""How long the limit counts."""
MAX_LINES_PER_WINDOW: Final = 20
"""Enough for every camera of a site that was set up wrong; some 30 MB a day at the most. All at once take 1 ms."""


class LineWindow:
    """Counts lines of one kind up to the limit of a window, which begins with its first line."""

    __slots__ = ("_end_us", "_left_out", "_lines")

    def __init__(self) -> None:
        self._end_us = 0
        self._lines = 0
        self._left_out: Counter[str] = Counter()

    def admits(self, now_us: int, why: str = "") -> bool:
        """Return whether there is room for one more line; if not, it is counted by ``why`` it would be written."""
        if now_us >= self._end_us:
            self._end_us, self._lines = now_us + WINDOW_US, 0
        if self._lines >= MAX_LINES_PER_WINDOW:
            self._left_out[why] += 1
            return False
        self._lines += 1
        return True

    def poll_left_out(self, now_us: int) -> dict[str, int]:
        """Return how many were left out of a window that is over, once, by why they would have been written."""
        if now_us < self._end_us:
            return {}
        left_out = dict(self._left_out)
        self._left_out.clear()
        return left_out

    def poll_timer(self) -> int | None:
        """Return when `poll_left_out` has something to tell, or None."""
        return self._end_us if self._left_out else None
