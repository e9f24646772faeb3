"""uvicorn, as a part of our event loop: it handles no signals, logs nothing by itself, and has limits.

Importing this takes some 300 ms.
"""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import structlog
from starlette.types import ASGIApp
from uvicorn import Config, Server

from headrace.web.guarded_protocol import ConnectionCounts, GuardedProtocol, GuardedWebSocket
from headrace.web.http_config import HttpConfig

KEEP_ALIVE_SECONDS: Final = 30
"""Pages ask every few seconds: they are not to connect anew each time."""
GOODBYE_SECONDS: Final = 1
"""Answers that go on for ever (events) are cut then."""
MAX_MESSAGE_BYTES: Final = 16 * 1024
"""Of a WebSocket."""

_log = structlog.get_logger()


class EmbeddedServer(Server):
    """A server that leaves signals to the program around it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


class _FaultHandler(logging.Handler):
    """Puts uvicorn's errors, which are exceptions out of the application, into our log."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        # At the end answers that go on for ever are cut.
        if error is not None and not isinstance(error, asyncio.CancelledError):
            _log.error("a request met a bug; the broker goes on", exc_info=error)


def make_server(app: ASGIApp, config: HttpConfig) -> EmbeddedServer:
    """Return a server, whose `serve` takes listening sockets and runs until ``should_exit`` is set."""
    logger = logging.getLogger("uvicorn.error")
    logger.propagate = False
    # What callers get wrong is told to them, and not to a log that they could fill.
    logger.setLevel(logging.ERROR)
    logger.handlers = [_FaultHandler()]

    class Protocol(GuardedProtocol):
        """With the counts of this server."""

        counts = ConnectionCounts(config.trusted_proxies)

    options: dict[str, Any] = {
        "http": Protocol,
        "ws": GuardedWebSocket,
        "ws_max_size": MAX_MESSAGE_BYTES,
        "ws_per_message_deflate": False,
        "loop": "none",
        "lifespan": "off",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "forwarded_allow_ips": list(map(str, config.trusted_proxies)),
        "timeout_keep_alive": KEEP_ALIVE_SECONDS,
        "timeout_graceful_shutdown": GOODBYE_SECONDS,
    }
    return EmbeddedServer(Config(app, **options))
