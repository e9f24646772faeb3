"""WebSockets of an ASGI application without a network: what is sent and heard reads like a transcript."""

import asyncio
import json
import queue
import threading
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote

from starlette.types import ASGIApp, Message

HEAR_SECONDS = 10.0


class ClosedError(Exception):
    """The application has hung up."""


class SocketClient:
    """Connects to one application, whose event loop runs in a thread while this is used as a context manager.

    Args:
        app: The application.
        host: Whose connections they are.
    """

    def __init__(self, app: ASGIApp, host: str = "192.0.2.7") -> None:
        self._app = app
        self._host = host
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def connect(self, path: str, headers: Mapping[str, str] | None = None) -> "Socket":
        """Return a connection; entering it as a context manager raises `ClosedError` if it is refused."""
        path, _, query = path.partition("?")
        scope = {
            "type": "websocket",
            "path": unquote(path),
            "raw_path": path.encode(),
            "root_path": "",
            "scheme": "ws",
            "query_string": query.encode(),
            "headers": [
                (name.lower().encode(), value.encode())
                for name, value in {"Host": "testserver", **(headers or {})}.items()
            ],
            "client": (self._host, 40_000),
            "server": ("testserver", 80),
            "subprotocols": [],
            "state": {},
        }
        return Socket(self._app, scope, self._loop)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Socket:
    """One connection."""

    def __init__(self, app: ASGIApp, scope: dict[str, Any], loop: asyncio.AbstractEventLoop) -> None:
        self._app = app
        self._scope = scope
        self._loop = loop
        self._heard: queue.Queue[Message] = queue.Queue()
        self._said: asyncio.Queue[Message] = asyncio.Queue()

    def __enter__(self) -> Self:
        self._put({"type": "websocket.connect"})
        self._running = asyncio.run_coroutine_threadsafe(self._run(), self._loop)
        if self._heard.get(timeout=HEAR_SECONDS)["type"] != "websocket.accept":
            self.__exit__(None, None, None)
            raise ClosedError
        return self

    async def _run(self) -> None:
        async def send(message: Message) -> None:
            self._heard.put(message)

        await self._app(self._scope, self._said.get, send)

    def _put(self, message: Message) -> None:
        self._loop.call_soon_threadsafe(self._said.put_nowait, message)

    def send_text(self, text: str) -> None:
        """Send a message."""
        self._put({"type": "websocket.receive", "text": text})

    def send_texts(self, texts: Iterable[str]) -> None:
        """Send messages of which all are there before the first is taken."""

        def put() -> None:
            for text in texts:
                self._said.put_nowait({"type": "websocket.receive", "text": text})

        self._loop.call_soon_threadsafe(put)

    def send_bytes(self, data: bytes) -> None:
        """Send a message that is no text."""
        self._put({"type": "websocket.receive", "bytes": data})

    def send_json(self, message: object) -> None:
        """Send a message."""
        self.send_text(json.dumps(message))

    def receive_text(self) -> str:
        """Return the next message.

        Raises:
            ClosedError: There will be none.
        """
        message = self._heard.get(timeout=HEAR_SECONDS)
        if message["type"] != "websocket.send":
            raise ClosedError
        return str(message["text"])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._put({"type": "websocket.disconnect", "code": 1000})
        self._running.result(HEAR_SECONDS)
