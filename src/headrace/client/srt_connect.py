"""Open an SRT connection as a caller."""

import asyncio
import contextlib
import errno
import os
import socket

from headrace.base.passphrase import check_passphrase
from headrace.base.sockaddr import sockaddr_host
from headrace.client.srt_port import SrtPort
from headrace.client.srt_socket import SrtSocket
from headrace.netio.addresses import encode_socket_address
from headrace.netio.clock import now_us
from headrace.netio.entropy import random_bytes, random_u32
from headrace.netio.udp_socket import UdpSocket
from headrace.srt.caller import Caller, CallerOptions, ConnectTimeoutError
from headrace.srt.connection import Connection
from headrace.srt.handshake import encode_peer_address
from headrace.srt.key_exchange import DEFAULT_KEY_REFRESH, KeyRefresh
from headrace.srt.session_keys import KEY_LENGTHS_BYTES, SEED_BYTES
from headrace.srt.silence_probe import SilenceProbe


async def srt_connect(
    host: str,
    port: int,
    *,
    stream_id: str = "",
    latency_ms: int = 120,
    connect_timeout_seconds: float = 3.0,
    peer_timeout_seconds: float = 5.0,
    passphrase: str | None = None,
    key_length_bytes: int = 16,
    key_refresh: KeyRefresh = DEFAULT_KEY_REFRESH,
) -> SrtSocket:
    """Connect to an SRT listener.

    Args:
        host: Name or number, IPv4 or IPv6.
        port: UDP port.
        stream_id: What is wanted, such as ``#!::r=NAME,m=publish``; at most 512 bytes of UTF-8.
        latency_ms: Least delay between sending and delivery, in both directions: time to resend what is lost;
            0 to 65535.
        connect_timeout_seconds: For the handshake.
        peer_timeout_seconds: Silence after which the peer counts as gone.
        passphrase: Encrypts both directions; the listener's, 10 to 79 bytes of UTF-8. None does not encrypt.
        key_length_bytes: 16, 24 or 32, for AES-128, -192 or -256.
        key_refresh: When what we send gets another key.

    Raises:
        OSError: The name cannot be resolved, or this machine has no such addresses.
        ConnectionRejectedError: The listener refused; ``code`` says why.
        ConnectTimeoutError: Nobody answered.
        HandshakeError: The answer was not SRT version 5.
        ValueError: The port, the latency or the length of the stream id, the passphrase or the key is out of
            range.
    """
    check_latency(latency_ms)
    check_encryption(passphrase, key_length_bytes)
    address, udp = await open_socket(host, port)
    options = CallerOptions(
        stream_id=stream_id,
        receive_latency_ms=latency_ms,
        peer_latency_ms=latency_ms,
        connect_timeout_us=int(connect_timeout_seconds * 1e6),
        peer_timeout_us=int(peer_timeout_seconds * 1e6),
        peer_address=encode_peer_address(sockaddr_host(address)),
        passphrase=passphrase,
        key_length_bytes=key_length_bytes,
        key_refresh=key_refresh,
    )
    with contextlib.ExitStack() as unfinished:
        unfinished.enter_context(udp)
        srt_port = SrtPort(udp)
        unfinished.callback(srt_port.close)
        attempt = _Attempt(srt_port, address, options)
        unfinished.callback(attempt.abandon)
        try:
            opened = await attempt.outcome
        except ConnectTimeoutError as error:
            raise ConnectTimeoutError(f"{host}:{port}: {error}: is an SRT listener running there?") from None
        unfinished.pop_all()
    return opened


async def open_socket(host: str, port: int) -> tuple[bytes, UdpSocket]:
    """Return the listener's address and a socket of its family."""
    if not 0 < port <= 0xFFFF:
        raise ValueError(f"port {port} is not in 1..65535")
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except UnicodeError as error:
        raise OSError(errno.EINVAL, f"{os.strerror(errno.EINVAL)}: {host!r} is no host name") from error
    family, _, _, _, numeric = found[0]
    everywhere = "::" if family == socket.AF_INET6 else "0.0.0.0"  # noqa: S104 - a caller's own side
    return encode_socket_address(numeric), UdpSocket.bind(everywhere, 0)


def check_latency(latency_ms: int) -> None:
    """Raise `ValueError` for a latency that does not fit its 16 bits of the handshake."""
    if not 0 <= latency_ms <= 0xFFFF:
        raise ValueError(f"a latency of {latency_ms} ms is not in 0..65535")


def check_encryption(passphrase: str | None, key_length_bytes: int) -> None:
    """Raise `ValueError` for a passphrase or a key length that cannot be one."""
    if passphrase is not None:
        check_passphrase(passphrase)
    check_key_length(key_length_bytes)


def check_key_length(key_length_bytes: int) -> None:
    """Raise `ValueError` for a key length that AES does not have."""
    if key_length_bytes not in KEY_LENGTHS_BYTES:
        raise ValueError(f"a key of {key_length_bytes} bytes is not one of 16, 24 and 32 bytes")


class _Attempt:
    """One handshake under way; a machine of the port until the connection takes its place."""

    def __init__(self, port: SrtPort, address: bytes, options: CallerOptions) -> None:
        self._port = port
        self._address = address
        self._socket_id = random_u32() % 0x3FFF_FFFF + 1
        self._caller = Caller(
            options,
            socket_id=self._socket_id,
            initial_seqno=random_u32() % 0x7FFF_FFFE,
            now_us=now_us(),
            key_seed=random_bytes(SEED_BYTES),
        )
        self.outcome: asyncio.Future[SrtSocket] = asyncio.get_running_loop().create_future()
        port.attach(self._socket_id, self, address)
        self.handle_timer(now_us())
        port.settle(self._socket_id)

    def abandon(self) -> None:
        """End the connection that came about although nobody waits for it any more."""
        if self.outcome.done() and not self.outcome.cancelled() and self.outcome.exception() is None:
            self.outcome.result().abort()

    def handle_datagram(self, datagram: bytes, now_us: int) -> None:
        self._caller.handle_datagram(datagram, now_us)
        self._conclude()

    def handle_timer(self, now_us: int) -> None:
        self._caller.handle_timer(now_us)
        self._conclude()

    def poll_timer(self) -> int | None:
        return self._caller.poll_timer()

    def poll_datagrams(self) -> list[bytes]:
        return self._caller.poll_datagrams()

    def _conclude(self) -> None:
        if self.outcome.done():
            return
        if self._caller.error is not None:
            self.outcome.set_exception(self._caller.error)
        elif self._caller.connection is not None:
            self.outcome.set_result(self._open(self._caller.connection))

    def _open(self, connection: Connection) -> SrtSocket:
        opened = SrtSocket(
            connection,
            self._address,
            settle=self._port.settle,
            release=self._release,
            probe=SilenceProbe(connection, self._caller.options),
        )
        self._port.attach(self._socket_id, opened, self._address)
        return opened

    def _release(self, _: SrtSocket) -> None:
        # The port may be in the middle of handling this very packet: let it finish first.
        asyncio.get_running_loop().call_soon(self._port.close)
