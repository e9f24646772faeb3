"""Bit rates between two looks at growing byte counts."""

import time


class Rates:
    """Remembers counts by key, and turns the next ones into Mbit/s."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[float, int]] = {}

    def update(self, key: str, total_bytes: int) -> float:
        """Return Mbit/s since the last call for ``key``; 0 at the first."""
        now = time.monotonic()
        then, bytes_then = self._last.get(key, (now, total_bytes))
        self._last[key] = (now, total_bytes)
        return (total_bytes - bytes_then) * 8e-6 / (now - then) if now > then else 0.0
