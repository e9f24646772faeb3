"""A clock that stands still until someone waits: what the media room is paced with in tests."""

import threading


class FakeClock:
    """Time that passes by waiting, and by as much as a test says.

    Attributes:
        time_us: Monotonic time.
        waits_us: How long each wait was.
    """

    def __init__(self, time_us: int = 5_000_000, unix_start_us: int = 1_700_000_000_000_000) -> None:
        self.time_us = time_us
        self._unix_offset_us = unix_start_us - time_us
        self.waits_us: list[int] = []

    def now_us(self) -> int:
        return self.time_us

    def unix_us(self) -> int:
        return self.time_us + self._unix_offset_us

    def wait_us(self, duration_us: int, stop: threading.Event) -> None:
        assert duration_us > 0
        self.waits_us.append(duration_us)
        self.time_us += duration_us
