"""Accept SRT connections as a listener."""

import asyncio
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Final, Self

from headrace.base.passphrase import check_passphrase
from headrace.base.sockaddr import decode_sockaddr, format_sockaddr
from headrace.client.srt_connect import check_key_length, check_latency
from headrace.client.srt_port import SrtPort
from headrace.client.srt_socket import ConnectionEndedError, SrtSocket
from headrace.netio.clock import now_us
from headrace.netio.entropy import random_bytes, random_u32
from headrace.netio.udp_socket import UdpSocket
from headrace.srt.connection import Connection
from headrace.srt.handshake import REJECTION_END, REJECTION_START
from headrace.srt.key_agreement import agree_on_keys
from headrace.srt.key_exchange import DEFAULT_KEY_REFRESH, KeyRefresh
from headrace.srt.listener import ConnectionRequest, Listener, ListenerOptions
from headrace.srt.packet import Header
from headrace.srt.rejection import RejectReason
from headrace.srt.session_keys import SEED_BYTES, KeySource, SessionKeys

MAX_WAITING_CONNECTIONS: Final = 128
"""Accepted on the wire and not yet by the application; further callers are refused (a socket's usual backlog)."""

Admit = Callable[[str, str], int | None]
"""Takes a caller's stream id and its ``host:port``; returns None to let it in, or a refusal code, 1000 and up."""
FindPassphrase = Callable[[str], str | None]
"""Takes a caller's stream id; returns the passphrase that it must have, or None where nothing is encrypted."""


class SrtServer:
    """A listening port. Made by `srt_listen`.

    Iterate it for the connections, or call `accept`.
    """

    def __init__(
        self,
        socket: UdpSocket,
        options: ListenerOptions,
        admit: Admit | None,
        find_passphrase: FindPassphrase = lambda _: None,
    ) -> None:
        self._listener = Listener(options, random_bytes(32))
        self._admit = admit
        self._find_passphrase = find_passphrase
        self._waiting: asyncio.Queue[SrtSocket | None] = asyncio.Queue(MAX_WAITING_CONNECTIONS)
        self._open: set[SrtSocket] = set()
        self._udp_port = decode_sockaddr(socket.local_address)[1]
        self._port = SrtPort(socket, self._handle_handshake)

    @property
    def port(self) -> int:
        """The UDP port."""
        return self._udp_port

    async def accept(self) -> SrtSocket:
        """Return the next connection, waiting for it.

        Raises:
            ConnectionEndedError: The server has been closed.
        """
        opened = await self._waiting.get()
        if opened is None:
            self._waiting.put_nowait(None)  # for the next who waits
            raise ConnectionEndedError("closed")
        return opened

    async def __aiter__(self) -> AsyncIterator[SrtSocket]:
        while True:
            try:
                yield await self.accept()
            except ConnectionEndedError:
                return

    async def close(self) -> None:
        """End all connections and the listening; a second time does nothing."""
        for connection in list(self._open):
            connection.abort()
        self._port.close()
        while not self._waiting.empty():
            self._waiting.get_nowait()
        self._waiting.put_nowait(None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _handle_handshake(self, header: Header, body: bytes, address: bytes, now_us: int) -> bytes | None:
        answer = self._listener.handle_handshake(header, body, address, now_us)
        if not isinstance(answer, ConnectionRequest):
            return answer
        decision = self._decide(answer)
        if isinstance(decision, int):
            return self._listener.reject(answer, decision)
        return self._accept(answer, decision, now_us)

    def _decide(self, request: ConnectionRequest) -> SessionKeys | int | None:
        """Return a refusal code, or the keys of the connection, None for one without encryption."""
        if self._waiting.full():
            return RejectReason.BACKLOG
        asking = "admit"
        try:
            code = self._asked_admit(request)
            if code is not None:
                return code
            asking = "passphrase"
            passphrase = self._find_passphrase(request.stream_id)
            return agree_on_keys(request.handshake, None if passphrase is None else check_passphrase(passphrase))
        except Exception as error:  # noqa: BLE001 - it must not take the other connections' packets with it
            asyncio.get_running_loop().call_exception_handler(
                {"message": f"{asking} failed; the caller was refused", "exception": error}
            )
            return RejectReason.INTERNAL_SERVER_ERROR

    def _asked_admit(self, request: ConnectionRequest) -> int | None:
        code = self._admit(request.stream_id, format_sockaddr(request.address)) if self._admit else None
        # The wire takes what is below for a handshake type (draft-sharabayko-srt, 4.3).
        if code is not None and not REJECTION_START <= code <= REJECTION_END:
            raise ValueError(f"admit returned {code}: a refusal code is in {REJECTION_START}..{REJECTION_END}")
        return code

    def _accept(self, request: ConnectionRequest, keys: SessionKeys | None, now_us: int) -> bytes:
        socket_id = random_u32() % 0x3FFF_FFFF + 1
        while socket_id in self._port:
            socket_id = random_u32() % 0x3FFF_FFFF + 1
        answer, parameters = self._listener.accept(request, socket_id, now_us, keys=keys)
        source = KeySource(random_bytes(SEED_BYTES)) if keys is not None else None
        opened = SrtSocket(
            Connection(parameters, source), request.address, settle=self._port.settle, release=self._release
        )
        self._open.add(opened)
        self._port.attach(socket_id, opened, request.address)
        asyncio.get_running_loop().call_soon(self._port.settle, socket_id)
        self._waiting.put_nowait(opened)
        return answer

    def _release(self, ended: SrtSocket) -> None:
        self._open.discard(ended)
        self._listener.forget(ended.connection.parameters.socket_id, now_us())


async def srt_listen(
    host: str | None = None,
    port: int = 0,
    *,
    latency_ms: int = 120,
    admit: Admit | None = None,
    passphrase: str | FindPassphrase | None = None,
    key_length_bytes: int | None = None,
    key_refresh: KeyRefresh = DEFAULT_KEY_REFRESH,
) -> SrtServer:
    """Listen for SRT callers.

    Args:
        host: Address of this machine; None is all, IPv4 and IPv6.
        port: UDP port; 0 lets the system choose.
        latency_ms: Least delay between sending and delivery, in both directions; 0 to 65535.
        admit: Decides on each caller by stream id and address; None lets everybody in.
        passphrase: What callers must have, 10 to 79 bytes of UTF-8, or a function that returns it for a stream id.
            None, given or returned, is a connection without encryption, and refuses who wants one with it.
        key_length_bytes: What callers are told to take, 16, 24 or 32; None leaves it to them. Any is accepted.
        key_refresh: When what we send gets another key.

    Raises:
        OSError: The address cannot be listened on.
        ValueError: The latency, or the length of the passphrase or the key is out of range.
    """
    check_latency(latency_ms)
    if key_length_bytes is not None:
        check_key_length(key_length_bytes)
    find_passphrase = _finder(passphrase)
    options = ListenerOptions(
        receive_latency_ms=latency_ms,
        peer_latency_ms=latency_ms,
        key_length_bytes=key_length_bytes or 0,
        key_refresh=key_refresh,
    )
    return SrtServer(UdpSocket.bind(host, port), options, admit, find_passphrase)


def _finder(passphrase: str | FindPassphrase | None) -> FindPassphrase:
    if callable(passphrase):
        return passphrase
    if passphrase is not None:
        check_passphrase(passphrase)
    return lambda _: passphrase
