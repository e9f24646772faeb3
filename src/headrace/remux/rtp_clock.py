"""One clock of 90 kHz for the streams of an RTP session, whose own clocks begin anywhere and run as they like.

Each stream has a clock of its own: that of a sound card runs some 100 millionths faster or slower than others.
Sender reports say which wall-clock time belongs to a timestamp; until there is one, arrival tells, which is some
milliseconds off. What is found to be off is made good slowly, so that times never go back.

Source: RFC 3550, 6.4.1 (sender reports).
"""

from typing import Final

from headrace.webrtc.rtp import unwrap_timestamp

CLOCK_HZ: Final = 90_000
SLEW_PERCENT: Final = 5
"""A stream is moved by so much of the time that passes: 50 ms in a second, without a time that goes back."""
MAX_JUMP_90KHZ: Final = 10 * CLOCK_HZ
"""Timestamps that jump by more, or back by as much, are another clock, which begins with its arrival."""
MAX_STEP_90KHZ: Final = 5 * CLOCK_HZ
"""A report that is off by more is of a wall clock that was set anew."""


class SessionClock:
    """What the streams of a session share: where its time begins."""

    __slots__ = ("_first_arrival_us", "_wall_origin_90khz")

    def __init__(self) -> None:
        self._first_arrival_us: int | None = None
        self._wall_origin_90khz: int | None = None

    def arrival_90khz(self, now_us: int) -> int:
        """Return the time of what arrives now; that of the first is 0."""
        if self._first_arrival_us is None:
            self._first_arrival_us = now_us
        return (now_us - self._first_arrival_us) * 9 // 100

    def difference_90khz(self, wall_90khz: int, time_90khz: int) -> int:
        """Return by how much a time is too early, given the wall-clock time that belongs to it.

        The first wall-clock time is believed, and so is one that is far off: by it the others are measured.
        """
        origin = self._wall_origin_90khz
        if origin is None or abs(wall_90khz - origin - time_90khz) > MAX_STEP_90KHZ:
            origin = self._wall_origin_90khz = wall_90khz - time_90khz
        return wall_90khz - origin - time_90khz


class RtpClock:
    """The clock of one stream.

    Args:
        session: Shared by the streams of a session.
        rate_hz: Of the stream's timestamps.
    """

    __slots__ = (
        "_base_90khz",
        "_base_ticks",
        "_correction_90khz",
        "_last_ticks",
        "_rate_hz",
        "_session",
        "_target_90khz",
    )

    def __init__(self, session: SessionClock, rate_hz: int) -> None:
        self._session = session
        self._rate_hz = rate_hz
        self._base_ticks: int | None = None
        self._base_90khz = 0
        self._last_ticks = 0
        self._correction_90khz = 0
        self._target_90khz = 0

    def time_90khz(self, timestamp: int, now_us: int) -> int:
        """Return the session's time of an RTP timestamp, which arrived at ``now_us``; call it in their order."""
        if self._base_ticks is None:
            self._begin(timestamp, now_us)
        ticks = unwrap_timestamp(timestamp, self._last_ticks)
        passed_90khz = (ticks - self._last_ticks) * CLOCK_HZ // self._rate_hz
        if abs(passed_90khz) > MAX_JUMP_90KHZ:
            self._begin(timestamp, now_us)
            ticks, passed_90khz = timestamp, 0
        self._last_ticks = ticks
        most_90khz = max(0, passed_90khz) * SLEW_PERCENT // 100
        missing_90khz = self._target_90khz - self._correction_90khz
        self._correction_90khz += max(-most_90khz, min(most_90khz, missing_90khz))
        return self._plain_90khz(ticks) + self._correction_90khz

    def _begin(self, timestamp: int, now_us: int) -> None:
        self._base_ticks = self._last_ticks = timestamp
        self._base_90khz = self._session.arrival_90khz(now_us)
        self._correction_90khz = self._target_90khz = 0

    def handle_report(self, wall_us: int, timestamp: int) -> None:
        """Take a sender report.

        Args:
            wall_us: The sender's wall clock, microseconds.
            timestamp: RTP timestamp of that moment.
        """
        if self._base_ticks is None:
            return
        time_90khz = self._plain_90khz(unwrap_timestamp(timestamp, self._last_ticks))
        off_90khz = self._session.difference_90khz(wall_us * 9 // 100, time_90khz + self._target_90khz)
        self._target_90khz += off_90khz

    def _plain_90khz(self, ticks: int) -> int:
        assert self._base_ticks is not None
        return self._base_90khz + (ticks - self._base_ticks) * CLOCK_HZ // self._rate_hz
