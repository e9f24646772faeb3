"""Where log lines go: to standard error, so that standard output stays for results."""

import contextlib
import logging
import select
import sys
from typing import Final, Literal, TypeAlias

from headrace.cli.plain_structlog import structlog

PIECE_CHARACTERS: Final = 1024
"""At most 4096 bytes, which a pipe that is ready takes as a whole (POSIX's PIPE_BUF on Linux)."""

LogLevel: TypeAlias = Literal["debug", "info", "warning", "error"]


class _StandardError:
    """Standard error as it is at each write: a live display may have put itself in front of it.

    A line that cannot be written, as its reader is gone or has stopped, or the disk is full, is lost: streams go
    on without a log.
    """

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            for start in range(0, len(text), PIECE_CHARACTERS):
                if not _takes_more():
                    break
                sys.stderr.write(text[start : start + PIECE_CHARACTERS])
                sys.stderr.flush()
        return len(text)

    def flush(self) -> None:
        """Do nothing: `write` has done it."""


def _takes_more() -> bool:
    """Return whether standard error takes a piece at once: a pipe whose reader has stopped would take it never."""
    poll = select.poll()
    try:
        poll.register(sys.stderr.fileno(), select.POLLOUT)
    except (OSError, ValueError):
        return True  # it is no file
    return bool(poll.poll(0))


class _ToStructlog(logging.Handler):
    """Gives what the client library logs the form of all other lines.

    The library uses the standard library's logging, which says nothing on standard output where a program that
    imports it has set up no logs.
    """

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger().log(record.levelno, record.getMessage())


def configure_logs(level: LogLevel = "info", *, json: bool = False) -> None:
    """Send log lines of ``level`` and above to standard error, as text for people or as JSON for machines."""
    render = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if json
        else [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(),
                pad_event_to=0,
                # Else Rich shows the values of all local names, keys and passphrases among them.
                exception_formatter=structlog.dev.plain_traceback,
            )
        ]
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            *render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(_StandardError()),  # type: ignore[arg-type]
        cache_logger_on_first_use=True,
    )
    library = logging.getLogger("headrace")
    library.setLevel(level.upper())
    library.handlers = [_ToStructlog()]
