"""The rate of something that is counted, over the last few looks at it."""

from collections import deque
from typing import Final

LOOKS: Final = 4
"""A second apart they span three: long enough that single frames do not show, short enough that a pause does."""


class RateMeter:
    """Remembers the last looks at a count that only grows."""

    __slots__ = ("_looks",)

    def __init__(self) -> None:
        self._looks: deque[tuple[int, int]] = deque(maxlen=LOOKS)

    def note(self, total_bytes: int, now_us: int) -> None:
        """Take a look; a count that is smaller than at the last one is another one, and the rate begins anew."""
        if self._looks and total_bytes < self._looks[-1][1]:
            self._looks.clear()
        self._looks.append((now_us, total_bytes))

    @property
    def bps(self) -> int:
        """Bits a second between the first and the last look; 0 before there were two."""
        if len(self._looks) < 2:
            return 0
        (then_us, bytes_then), (now_us, bytes_now) = self._looks[0], self._looks[-1]
        return round((bytes_now - bytes_then) * 8e6 / max(1, now_us - then_us))
