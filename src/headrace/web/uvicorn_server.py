"""uvicorn, as a part of our event loop: it handles no signals, logs nothing by itself, and has limits.

Importing this takes some 300 ms.
"""

import asyncio
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import structlog
from starlette.types import ASGIApp
from uvicorn import Config, Server

from headrace.netio.acceptor import Acceptor
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
    """A server that leaves signals to the program around it, and takes its connections itself."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._acceptors: list[Acceptor] = []
        self._arriving: set[asyncio.Task[None]] = set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to take connections from ``sockets``, which listen."""
        await super().startup(sockets=[])
        self._acceptors = [Acceptor(tcp, self._take, "HTTP") for tcp in sockets or ()]
        for acceptor in self._acceptors:
            acceptor.start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more, and end those that there are."""
        for acceptor in self._acceptors:
            acceptor.stop()
        await super().shutdown(sockets)

    def _take(self, peer: socket.socket) -> None:
        task = asyncio.create_task(self._connect(peer))
        self._arriving.add(task)
        task.add_done_callback(self._arriving.discard)

    async def _connect(self, peer: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(self._make_protocol, peer)
        except OSError:  # it has gone
            peer.close()

    def _make_protocol(self) -> asyncio.Protocol:
        return self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )


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
