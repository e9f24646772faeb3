"""One HTTP connection, with limits that uvicorn's own lacks: headers, time, and how many there may be.

Source: uvicorn 0.54, ``HttpToolsProtocol``, which takes headers of any length for any time.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Collection
from ipaddress import ip_address
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode

from headrace.base.token_bucket import TokenBucket
from headrace.web.http_config import Network
from headrace.web.peer_host import number_of, plain_host

MAX_HEAD_BYTES: Final = 16 * 1024
"""Of the first line and all headers; nginx takes 8 kB of a line, and four lines that long."""
HEAD_SECONDS: Final = 10.0
"""Within which a request's headers have to be there, from the connection or the first of their bytes on."""
MAX_CONNECTIONS: Final = 2_000
MAX_CONNECTIONS_PER_HOST: Final = 100
"""A browser has six, and chat and events besides. Proxies that are trusted have no limit of their own."""
MAX_REQUESTS_WAITING: Final = 20
"""Of a connection, for the answers to those before. Browsers send none before they have the answer."""
FRAMES_PER_SECOND: Final = 10
FRAMES_AT_ONCE: Final = 30
"""Of a WebSocket, whatever they are: nobody types ten lines a second."""
PIECE_BYTES: Final = 1024
"""Of 256 KiB that are read at once 40,000 frames could be made, which would take half a second."""


class ConnectionCounts:
    """How many connections there are, in all and of each host.

    Args:
        unlimited: Networks whose hosts may have any number.

    Attributes:
        refused: How many were closed at once.
    """

    def __init__(self, unlimited: Collection[Network] = ()) -> None:
        self._unlimited = unlimited
        self._of_hosts: Counter[int] = Counter()
        self.refused = 0

    def __len__(self) -> int:
        return self._of_hosts.total()

    def enter(self, host: str) -> bool:
        """Return whether another connection of ``host`` may be; then it counts."""
        number = number_of(host)
        is_beyond = self._of_hosts[number] >= MAX_CONNECTIONS_PER_HOST and not self._is_unlimited(host)
        if is_beyond or len(self) >= MAX_CONNECTIONS:
            self.refused += 1
            return False
        self._of_hosts[number] += 1
        return True

    def _is_unlimited(self, host: str) -> bool:
        try:
            address = ip_address(host)
        except ValueError:
            return False
        return any(address in network for network in self._unlimited)

    def leave(self, host: str) -> None:
        """Note that one has gone."""
        number = number_of(host)
        self._of_hosts[number] -= 1
        if not self._of_hosts[number]:
            del self._of_hosts[number]


def _plain_client(client: tuple[str, int] | None) -> tuple[str, int] | None:
    """Return a peer's address and port as a proxy that is trusted would be named."""
    return client and (plain_host(client[0]), client[1])


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


class GuardedWebSocket(WebSocketsSansIOProtocol):
    """A connection that has become a WebSocket.

    Attributes:
        on_gone: Called when it has ended.
    """

    on_gone: Callable[[], None]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._frames = TokenBucket(FRAMES_PER_SECOND, FRAMES_AT_ONCE)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Note who it is."""
        super().connection_made(transport)
        self.client = _plain_client(self.client)

    def data_received(self, data: bytes) -> None:
        """Take what came, of which the head is the first, and whole."""
        if not self.handshake_initiated:
            self._take_head(data)
            return
        for start in range(0, len(data), PIECE_BYTES):
            super().data_received(data[start : start + PIECE_BYTES])
            if self.transport.is_closing():
                return

    def _take_head(self, data: bytes) -> None:
        super().data_received(data)
        if not self.handshake_initiated:
            # Longer or more headers than websockets takes: it has an answer, which uvicorn leaves there.
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()

    def handle_events(self) -> None:
        """Take what a piece had, unless that is too much."""
        now_us = round(1_000_000 * self.loop.time())
        if self.handshake_initiated and not self._frames.afford(len(self.conn.events), now_us):
            self._hang_up(CloseCode.POLICY_VIOLATION, "too many messages: come again, and send fewer")
            return
        super().handle_events()

    def send_receive_event_to_app(self) -> None:
        """Hand a message on, unless it is text that is none: uvicorn would log that as a bug of ours."""
        if self.curr_msg_data_type == "text" and not _is_utf8(b"".join(self.frames)):
            self._hang_up(CloseCode.INVALID_DATA, "")
            return
        super().send_receive_event_to_app()

    def _hang_up(self, code: CloseCode, reason: str) -> None:
        """End it in whatever state it is, without waiting for the other side."""
        self.conn.fail(code, reason)
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell that it has ended."""
        self.on_gone()
        super().connection_lost(exc)


class GuardedProtocol(HttpToolsProtocol):
    """A connection.

    Attributes:
        counts: Of all connections of its server, which sets it.
    """

    counts: ConnectionCounts

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._counted_host: str | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Let it in, or close it."""
        super().connection_made(transport)
        self.client = _plain_client(self.client)
        host = self.client[0] if self.client else ""
        if not self.counts.enter(host):
            transport.abort()
            return
        self._counted_host = host
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._stop_timer()
        self._leave()
        super().connection_lost(exc)

    def _leave(self) -> None:
        host, self._counted_host = self._counted_host, None
        if host is not None:
            self.counts.leave(host)

    def handle_websocket_upgrade(self) -> None:
        """Go on as a WebSocket, which counts as a connection until it ends."""
        super().handle_websocket_upgrade()
        protocol = self.transport.get_protocol()
        if isinstance(protocol, GuardedWebSocket):
            protocol.on_gone = self._leave

    def data_received(self, data: bytes) -> None:
        """Take what came, unless it is a head without end."""
        super().data_received(data)
        if self._head_timer is None:
            return
        # What stands in a header that has not ended, httptools keeps and tells nobody.
        self._head_bytes += len(data)
        if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("")

    def on_message_begin(self) -> None:
        """Begin to wait for the head."""
        if len(self.pipeline) >= MAX_REQUESTS_WAITING:
            # Of 256 KiB that are read at once 14,000 could be made, before a limit for hosts is asked.
            raise ValueError("too many requests wait for their answers")
        super().on_message_begin()
        self._await_head()

    def on_url(self, url: bytes) -> None:
        """Take a part of the address."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def _count(self, length_bytes: int) -> None:
        self._head_bytes += length_bytes
        if self._head_bytes > MAX_HEAD_BYTES:
            raise ValueError("the head is too long")

    def on_headers_complete(self) -> None:
        """Stop waiting, and hand the request on."""
        self._stop_timer()
        super().on_headers_complete()

    def _await_head(self) -> None:
        self._stop_timer()
        self._head_bytes = 0
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            self._refuse(408, "Request Timeout", f"no request came within {HEAD_SECONDS:.0f} s")

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no request, or too long a one; between answers to many nothing can be said."""
        if len(self.pipeline) >= MAX_REQUESTS_WAITING:
            self._stop_timer()
            self.transport.close()
        elif self._head_bytes > MAX_HEAD_BYTES:
            detail = f"the headers are longer than {MAX_HEAD_BYTES} bytes"
            self._refuse(431, "Request Header Fields Too Large", detail)
        else:
            super().send_400_response(msg)

    def _refuse(self, status: int, title: str, detail: str) -> None:
        self._stop_timer()
        document = json.dumps({"title": title, "status": status, "detail": detail})
        self.transport.write(
            f"HTTP/1.1 {status} {title}\r\nContent-Type: application/problem+json\r\n"
            f"Content-Length: {len(document)}\r\nConnection: close\r\n\r\n{document}".encode()
        )
        self.transport.close()
