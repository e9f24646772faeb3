"""The two clocks."""

import time

from headrace.netio.clock import now_us, unix_time_us


def test_the_monotonic_clock_counts_microseconds_and_never_goes_back() -> None:
    readings_us = [now_us() for _ in range(1000)]
    assert readings_us == sorted(readings_us)
    assert abs(now_us() - time.monotonic() * 1e6) < 1_000_000


def test_the_calendar_clock_counts_microseconds_since_1970() -> None:
    assert abs(unix_time_us() - time.time() * 1e6) < 1_000_000
