"""Bit rates between looks at growing byte counts."""

from collections import deque
from typing import Final

WINDOW_US: Final = 2_000_000
"""Long enough that single frames do not show, short enough that a pause does at once."""


class Rates:
    """Remembers counts by key, and turns them into Mbit/s over the last two seconds."""

    def __init__(self) -> None:
        self._samples: dict[str, deque[tuple[int, int]]] = {}

    def note(self, key: str, total_bytes: int, now_us: int) -> None:
        """Remember what ``key`` has counted until now; two or more looks a second give a steady rate."""
        samples = self._samples.setdefault(key, deque())
        samples.append((now_us, total_bytes))
        while len(samples) > 2 and samples[1][0] <= now_us - WINDOW_US:
            samples.popleft()

    def mbps(self, key: str) -> float | None:
        """Return Mbit/s of ``key``, None before there were two looks at different times."""
        samples = self._samples.get(key)
        if not samples or samples[-1][0] == samples[0][0]:
            return None
        (then_us, bytes_then), (now_us, bytes_now) = samples[0], samples[-1]
        return (bytes_now - bytes_then) * 8 / (now_us - then_us)

    def forget(self, key: str) -> None:
        """Begin anew with ``key``."""
        self._samples.pop(key, None)
