"""One line of presentation times for a channel, and the wall clock's time of each of them.

Source: RFC 3550, 6.4.1 (a sender report ties RTP timestamps to a wall clock).
"""

from typing import Final

MAX_STEP_90KHZ: Final = 900_000
"""Ten seconds. What steps further, ahead or back, is another clock and not a pause."""
STEP_90KHZ: Final = 3_600
"""In its place there is a step of 40 ms."""
_DRIFT_PPM: Final = 200
"""By so many millionths times of arrival may get later: a producer's clock may be slower than ours."""


class PtsLine:
    """Lets times go on when a producer follows another, and says when each was.

    Sound and picture go by one line, so that they stay together. The moment of a time is that at which it would
    have come on the fastest way that was seen: so a late packet does not move it.
    """

    __slots__ = ("_newest_90khz", "_noted_us", "_offset_us", "_shift_90khz")

    def __init__(self) -> None:
        self._newest_90khz: int | None = None
        self._shift_90khz = 0
        self._offset_us: int | None = None
        self._noted_us = 0

    def place(self, pts_90khz: int) -> int:
        """Return a unit's time on the line."""
        newest = self._newest_90khz
        placed = pts_90khz + self._shift_90khz
        if newest is not None and abs(placed - newest) > MAX_STEP_90KHZ:
            self._shift_90khz += newest + STEP_90KHZ - placed
            self._offset_us = None
            placed = newest + STEP_90KHZ
        self._newest_90khz = placed if newest is None else max(newest, placed)
        return placed

    def note_arrival(self, placed_90khz: int, now_us: int) -> None:
        """Note that a unit of a time on the line has come."""
        offset_us = now_us - placed_90khz * 100 // 9
        if self._offset_us is not None:
            slack_us = (now_us - self._noted_us) * _DRIFT_PPM // 1_000_000
            offset_us = min(offset_us, self._offset_us + slack_us)
        self._offset_us, self._noted_us = offset_us, now_us

    def pts_at(self, now_us: int) -> int | None:
        """Return the time on the line that comes at a moment, or None while nothing is known."""
        return None if self._offset_us is None else (now_us - self._offset_us) * 9 // 100
