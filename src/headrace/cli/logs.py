"""Where log lines go: to standard error, so that standard output stays for results."""

import logging
import sys
from typing import Literal, TypeAlias

import structlog

LogLevel: TypeAlias = Literal["debug", "info", "warning", "error"]


def configure_logs(level: LogLevel = "info") -> None:
    """Send log lines of ``level`` and above to standard error, in colour where that is a terminal."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
