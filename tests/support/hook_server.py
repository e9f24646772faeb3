"""An HTTP server on this machine that answers as a test says."""

import asyncio
import json
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self


@dataclass
class HookServer:
    """Answers each request with `status`, `headers` and `body`.

    Attributes:
        status: Of HTTP.
        body: Bytes.
        headers: Besides the length.
        delay_seconds: Before an answer.
        drip_seconds: Between one byte of the body and the next.
        requests: The heads of what came, with the request line.
        messages: The bodies of what came.
        at_once: Most requests that were open at a time.
    """

    status: int = 200
    body: bytes = b'{"allow": true}'
    headers: dict[str, str] = field(default_factory=dict)
    delay_seconds: float = 0
    drip_seconds: float = 0
    requests: list[str] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    at_once: int = 0
    _open: int = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/hook"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await self._answer(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lengths = [line for line in head.lower().splitlines() if line.startswith("content-length:")]
        message = await reader.readexactly(int(lengths[0].split(":")[1])) if lengths else b""
        self.requests.append(head)
        self.messages.append(json.loads(message) if message else {})
        self._open += 1
        self.at_once = max(self.at_once, self._open)
        try:
            await asyncio.sleep(self.delay_seconds)
        finally:
            self._open -= 1
        headers = {"content-length": str(len(self.body)), **self.headers}
        lines = [f"HTTP/1.1 {self.status} X", *(f"{name}: {value}" for name, value in headers.items())]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        for at in range(0, len(self.body), 1 if self.drip_seconds else len(self.body)):
            writer.write(self.body[at : at + 1] if self.drip_seconds else self.body)
            await writer.drain()
            await asyncio.sleep(self.drip_seconds)
