"""Serves an application over HTTP in the running event loop.

The socket listens before, so that a taken port is told before anything else happens. FastAPI, uvicorn and what
else it takes are loaded in a thread meanwhile: whoever calls in that half second waits in the socket's queue.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

import structlog

from headrace.web.http_config import HttpConfig

if TYPE_CHECKING:
    from starlette.types import ASGIApp


_log = structlog.get_logger()


class HttpServer:
    """Runs from `start` to `stop`.

    Args:
        tcp: Listens already; it is closed at the end.
        config: Whom it believes.
        make_app: Makes the application; called in another thread, where it may import what it needs.
    """

    def __init__(self, tcp: socket.socket, config: HttpConfig, make_app: "Callable[[], ASGIApp]") -> None:
        self._socket = tcp
        self._config = config
        self._make_app = make_app
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to load and to answer, in the running event loop."""
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            await self._serve()
        except Exception as error:  # noqa: BLE001 - whatever it is, SRT goes on
            _log.error("HTTP has ended; the broker goes on without", exc_info=error)

    async def _serve(self) -> None:
        app = await asyncio.to_thread(self._load)
        # Loaded by now.
        from headrace.web.uvicorn_server import make_server  # noqa: PLC0415

        server = make_server(app, self._config)
        _log.info("HTTP", address=_show(self._socket))
        serving = asyncio.create_task(server.serve([self._socket]))
        try:
            await asyncio.shield(serving)
        except asyncio.CancelledError:
            server.should_exit = True
            with contextlib.suppress(asyncio.CancelledError):
                await serving
            raise

    def _load(self) -> "ASGIApp":
        import_module("headrace.web.uvicorn_server")
        return self._make_app()

    async def stop(self) -> None:
        """End; a second time, or without a start, does nothing."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self._socket.close()


def _show(tcp: socket.socket) -> str:
    host, port, *_ = tcp.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
