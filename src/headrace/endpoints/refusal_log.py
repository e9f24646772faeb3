"""Log lines for refused connections, few enough that a caller in a loop cannot fill a disk.

Source: callers such as ffmpeg in a shell loop, or a scanner, come back within milliseconds of a refusal.
"""

from collections import Counter
from typing import Final

import structlog

from headrace.base.sockaddr import format_sockaddr
from headrace.endpoints.event_log import EventLog
from headrace.srt.listener import ConnectionRequest
from headrace.srt.stream_id import redact_stream_id

WINDOW_US: Final = 10_000_000
"""How long the limit counts."""
MAX_LINES_PER_WINDOW: Final = 20
"""Enough for every camera of a site that was set up wrong; 14 MiB a day at the most."""

_log = structlog.get_logger()


class RefusalLog:
    """Logs refusals up to a limit in each window, and at the window's end how many more there were.

    Args:
        events: Where they are logged.

    Attributes:
        by_code: All refusals, by the code on the wire.
    """

    __slots__ = ("_events", "_left_out", "_lines", "_window_end_us", "by_code")

    def __init__(self, events: EventLog) -> None:
        self.by_code: Counter[int] = Counter()
        self._events = events
        self._window_end_us = 0
        self._lines = 0
        self._left_out = 0

    def note(self, request: ConnectionRequest, code: int, why: str, now_us: int) -> None:
        """Log one refusal, or count it as left out."""
        self.by_code[code] += 1
        if not self._has_line(now_us):
            return
        address = format_sockaddr(request.address)
        self._events.note(
            "connection refused",
            of_stranger=True,
            address=address,
            stream_id=redact_stream_id(request.stream_id),
            code=code,
            why=why,
        )

    def note_bug(self, error: Exception, now_us: int) -> None:
        """Log that a caller gets no answer because of a bug, or count it as a refusal that is left out."""
        if self._has_line(now_us):
            _log.error("a caller met a bug; it gets no answer and the broker goes on", exc_info=error)

    def _has_line(self, now_us: int) -> bool:
        """Take one of the window's lines, if there is any left."""
        self.handle_timer(now_us)
        if now_us >= self._window_end_us:
            self._window_end_us, self._lines = now_us + WINDOW_US, 0
        if self._lines >= MAX_LINES_PER_WINDOW:
            self._left_out += 1
            return False
        self._lines += 1
        return True

    def handle_timer(self, now_us: int) -> None:
        """Say how many were left out, if their window is over."""
        if self._left_out and now_us >= self._window_end_us:
            seconds = WINDOW_US // 1_000_000
            _log.warning("more connections refused", left_out=self._left_out, within_seconds=seconds)
            self._left_out = 0

    def poll_timer(self) -> int | None:
        """Return when `handle_timer` has something to say, or None."""
        return self._window_end_us if self._left_out else None
