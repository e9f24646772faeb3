"""Log lines for refused connections, few enough that a caller in a loop cannot fill a disk.

Source: callers such as ffmpeg in a shell loop, or a scanner, come back within milliseconds of a refusal.
"""

from collections import Counter

import structlog

from headrace.base.sockaddr import format_sockaddr
from headrace.endpoints.event_log import EventLog
from headrace.endpoints.line_window import WINDOW_US, LineWindow
from headrace.srt.listener import ConnectionRequest
from headrace.srt.stream_id import redact_stream_id

_log = structlog.get_logger()


class RefusalLog:
    """Logs refusals up to a limit in each window, and at the window's end how many more there were.

    Args:
        events: Where they are logged.

    Attributes:
        by_code: All refusals, by the code on the wire.
    """

    __slots__ = ("_events", "_window", "by_code")

    def __init__(self, events: EventLog) -> None:
        self.by_code: Counter[int] = Counter()
        self._events = events
        self._window = LineWindow()

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
        return self._window.admits(now_us)

    def handle_timer(self, now_us: int) -> None:
        """Say how many were left out, if their window is over."""
        left_out = sum(self._window.poll_left_out(now_us).values())
        if left_out:
            seconds = WINDOW_US // 1_000_000
            _log.warning("more connections refused", left_out=left_out, within_seconds=seconds)

    def poll_timer(self) -> int | None:
        """Return when `handle_timer` has something to say, or None."""
        return self._window.poll_timer()
