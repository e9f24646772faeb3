import threading
import time

from headrace.media.clock import SystemClock


def test_the_machines_clock_is_in_microseconds() -> None:
    clock = SystemClock()
    assert abs(clock.unix_us() - time.time() * 1e6) < 1e6
    assert abs(clock.now_us() - time.monotonic() * 1e6) < 1e6


def test_a_wait_lasts_as_long_as_it_says_unless_stopped() -> None:
    clock, stop = SystemClock(), threading.Event()
    start_us = clock.now_us()
    clock.wait_us(2_000, stop)
    assert clock.now_us() - start_us >= 1_900
    stop.set()
    clock.wait_us(60_000_000, stop)
    assert clock.now_us() - start_us < 30_000_000
