"""When a frame's turn has come, and how late it is: for sources that wait for us, and for those that do not."""

import threading
from typing import Final, Protocol

from headrace.media.clock import Clock

REANCHOR_LATE_US: Final = 2_000_000
"""So late even dropping has not helped: media time 0 is moved, and the stream goes on from now."""
DRIFT_PPM: Final = 1_000
"""A camera's clock may be slower than ours by less than this; what grows faster is lateness."""


class Pacer(Protocol):
    """Waits for the turn of each frame.

    Attributes:
        reanchors: How often it gave up catching up.
    """

    reanchors: int

    def await_turn(self, time_us: int) -> int:
        """Return how late the frame of media time ``time_us`` is, microseconds, 0 or more, after waiting."""


class RealTimePacer:
    """For a file: the frame of media time t has its turn at start + t.

    Args:
        clock: Time.
        stop: Ends the waiting.
    """

    __slots__ = ("_clock", "_start_us", "_stop", "reanchors")

    def __init__(self, clock: Clock, stop: threading.Event) -> None:
        self._clock = clock
        self._stop = stop
        self._start_us: int | None = None
        self.reanchors = 0

    def await_turn(self, time_us: int) -> int:
        """Wait until real time reaches the frame's; if it is past by far, let this moment be the frame's."""
        now_us = self._clock.now_us()
        if self._start_us is None:
            self._start_us = now_us - time_us
        late_us = now_us - (self._start_us + time_us)
        if late_us < 0:
            self._clock.wait_us(-late_us, self._stop)
            return max(0, self._clock.now_us() - (self._start_us + time_us))
        if late_us > REANCHOR_LATE_US:
            self._start_us += late_us
            self.reanchors += 1
            return 0
        return late_us


class ArrivalPacer:
    """For a camera: never waits; a frame is as late as it came after the quickest of those before."""

    __slots__ = ("_clock", "_delay_us", "_last_us", "reanchors")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._delay_us: int | None = None
        self._last_us = 0
        self.reanchors = 0

    def await_turn(self, time_us: int) -> int:
        """Return how much later than the quickest frame this one is handled."""
        delay_us = self._clock.now_us() - time_us
        if self._delay_us is None:
            self._delay_us = delay_us
        self._delay_us += max(0, time_us - self._last_us) * DRIFT_PPM // 1_000_000
        self._delay_us = min(self._delay_us, delay_us)
        self._last_us = time_us
        late_us = delay_us - self._delay_us
        if late_us > REANCHOR_LATE_US:
            self._delay_us = delay_us
            self.reanchors += 1
            return 0
        return late_us
