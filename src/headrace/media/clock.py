"""The clock that paces a live stream, as an object so that tests can run an hour at once."""

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """Time and sleep."""

    def now_us(self) -> int:
        """Return monotonic microseconds."""

    def unix_us(self) -> int:
        """Return microseconds since the Unix epoch."""

    def wait_us(self, duration_us: int, stop: threading.Event) -> None:
        """Return after ``duration_us``, or as soon as ``stop`` is set."""


class SystemClock:
    """The machine's own."""

    def now_us(self) -> int:
        """Return monotonic microseconds."""
        return time.monotonic_ns() // 1_000

    def unix_us(self) -> int:
        """Return microseconds since the Unix epoch."""
        return time.time_ns() // 1_000

    def wait_us(self, duration_us: int, stop: threading.Event) -> None:
        """Return after ``duration_us``, or as soon as ``stop`` is set."""
        stop.wait(duration_us / 1e6)
