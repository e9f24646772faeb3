"""The two clocks of the program: one that only runs forward, and the calendar's.

Source: clock_gettime(2), ``CLOCK_MONOTONIC`` and ``CLOCK_REALTIME``.
"""

import time


def now_us() -> int:
    """Return monotonic microseconds since an arbitrary start; every ``now_us`` argument comes from here."""
    return time.monotonic_ns() // 1000


def unix_time_us() -> int:
    """Return microseconds since 1970-01-01 UTC; it may jump, so it is for people and files, not timers."""
    return time.time_ns() // 1000
