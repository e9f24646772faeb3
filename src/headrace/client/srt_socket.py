"""An open SRT connection for asyncio programs.

::

    async with await srt_connect("127.0.0.1", 8890, stream_id="1AAA99") as connection:
        async for payload in connection:
            ...
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Final, Self

from headrace.base.errors import HeadraceError
from headrace.base.sockaddr import format_sockaddr
from headrace.netio.clock import now_us
from headrace.srt.connection import Connection
from headrace.srt.silence_probe import SilenceProbe
from headrace.srt.statistics import ConnectionStatistics

MAX_UNREAD_PACKETS: Final = 8192
"""What an application has not read yet; then packets stay in the receiver, whose sender sees its window shrink."""
MAX_UNACKNOWLEDGED_PACKETS: Final = 8192
"""What a sender may have on the way; then `SrtSocket.send` waits."""
LINGER_SECONDS: Final = 1.0
"""How long `SrtSocket.close` waits, beyond the peer's latency, for the last packets to be acknowledged."""
DELIVERY_MARGIN_US: Final = 300_000
"""Beyond the peer's latency: its clock begins when it reads the handshake, which may be 200 ms after it came."""

_REASONS: Final = {
    "closed": "it was closed on this side",
    "peer_shutdown": "the peer closed it",
    "peer_error": "the peer reported an error",
    "timeout": "the peer fell silent",
    "forgotten": "the peer knows it no more: it was restarted",
}


class ConnectionEndedError(HeadraceError):
    """The connection has ended.

    Attributes:
        reason: ``closed``, ``peer_shutdown``, ``peer_error``, ``timeout`` or ``forgotten``.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"the connection has ended: {_REASONS.get(reason, reason)}")
        self.reason = reason


class SrtSocket:
    """One open connection. Made by `srt_connect` and `srt_listen`.

    Args:
        connection: Open.
        address: The peer's, 28 bytes.
        settle: Called with our socket id after the connection was driven from here.
        release: Called once, when the connection has ended.
        probe: Watches over the connection; only for one that we called for.
    """

    def __init__(
        self,
        connection: Connection,
        address: bytes,
        *,
        settle: Callable[[int], None],
        release: Callable[["SrtSocket"], None],
        probe: SilenceProbe | None = None,
    ) -> None:
        self._connection = connection
        self._address = address
        self._settle = settle
        self._release = release
        self._probe = probe
        self._unread: deque[bytes] = deque()
        self._changed = asyncio.Event()
        self._is_aborted = False

    @property
    def connection(self) -> Connection:
        """The sans-IO connection."""
        return self._connection

    @property
    def address(self) -> bytes:
        """The peer's socket address, 28 bytes."""
        return self._address

    @property
    def peer(self) -> str:
        """The peer's address as ``host:port``."""
        return format_sockaddr(self._address)

    @property
    def stream_id(self) -> str:
        """What the caller asked for."""
        return self._connection.parameters.stream_id

    @property
    def key_length_bytes(self) -> int | None:
        """Length of the key that payloads are encrypted with, 16, 24 or 32; None without encryption."""
        keys = self._connection.parameters.keys
        return None if keys is None else keys.key_length_bytes

    @property
    def statistics(self) -> ConnectionStatistics:
        """Counters, and gauges as of now."""
        return self._connection.statistics

    @property
    def close_reason(self) -> str | None:
        """None while the connection lives; then why it ended, as in `ConnectionEndedError`."""
        return self._connection.close_reason

    async def receive(self) -> bytes:
        """Return the next payload when its time has come, waiting for it.

        Raises:
            ConnectionEndedError: The connection has ended and everything that came has been read.
        """
        while not self._unread:
            if not self._is_draining:
                self._check_open()
            await self._wait_for_change()
        return self._take_unread()

    async def receive_all(self) -> list[bytes]:
        """Return all payloads whose time has come, at least one, waiting for it.

        Raises:
            ConnectionEndedError: As `receive`.
        """
        payloads = [await self.receive()]
        while self._unread:
            payloads.append(self._take_unread())
        return payloads

    def _take_unread(self) -> bytes:
        payload = self._unread.popleft()
        if len(self._unread) == MAX_UNREAD_PACKETS - 1 and self.close_reason is None:
            self._settle(self._connection.parameters.socket_id)
        return payload

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            try:
                yield await self.receive()
            except ConnectionEndedError:
                return

    async def send(self, *payloads: bytes) -> None:
        """Send each payload, 1 to 1456 bytes, as one packet; waits while too many are unacknowledged.

        Raises:
            ConnectionEndedError: The connection has ended.
            LocalProtocolError: A payload is empty or too long.
        """
        await self._wait_until(lambda: self.unacknowledged_packets < MAX_UNACKNOWLEDGED_PACKETS)
        self.send_now(*payloads)

    @property
    def unacknowledged_packets(self) -> int:
        """Packets sent or waiting that the peer has not acknowledged."""
        return self._connection.sender.buffered_packets

    def send_now(self, *payloads: bytes) -> None:
        """Send without waiting, however many are unacknowledged; raises as `send`."""
        self._check_open()
        time_us = now_us()
        try:
            for payload in payloads:
                self._connection.send(payload, time_us)
        finally:
            self._settle(self._connection.parameters.socket_id)

    async def drain(self) -> None:
        """Wait until the peer has acknowledged everything, or the connection has ended."""
        await self._wait_until(lambda: self._connection.sender.buffered_packets == 0)

    async def _wait_until(self, condition: Callable[[], bool]) -> None:
        while self.close_reason is None and not condition():
            await self._wait_for_change()

    async def _wait_for_change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _check_open(self) -> None:
        if self.close_reason is not None:
            raise ConnectionEndedError(self.close_reason)

    @property
    def _is_draining(self) -> bool:
        """Whether the peer is gone, and what it sent before still waits for its delivery time."""
        ended_there = self.close_reason not in (None, "closed")
        return ended_there and not self._is_aborted and self._connection.receiver.buffered_packets > 0

    async def close(self, *, linger_seconds: float | None = None, awaits_delivery: bool = True) -> None:
        """Wait for the last packets to be delivered, tell the peer, and end; a second time does nothing.

        A receiver such as libsrt throws away what waits for its delivery time when it hears of the end.

        Args:
            linger_seconds: Wait no longer than this; None is the peer's latency and a second.
            awaits_delivery: False for a peer that passes on what it has: it is enough that everything has arrived.
        """
        latency_seconds = self._connection.parameters.send_latency_us / 1e6
        limit_seconds = latency_seconds + LINGER_SECONDS if linger_seconds is None else linger_seconds
        try:
            async with asyncio.timeout(limit_seconds):
                await self.drain()
                if awaits_delivery:
                    await self._wait_for_delivery()
        except TimeoutError:
            pass
        finally:
            self.abort()

    async def _wait_for_delivery(self) -> None:
        sender = self._connection.sender
        if sender.statistics.sent_packets and self.close_reason is None:
            due_us = sender.last_sent_us + self._connection.parameters.send_latency_us + DELIVERY_MARGIN_US
            await asyncio.sleep(max(0, due_us - now_us()) / 1e6)

    def abort(self) -> None:
        """Tell the peer and end at once, also where the last payloads still wait for their delivery time."""
        self._connection.close(now_us())
        self._is_aborted = True
        self._settle(self._connection.parameters.socket_id)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            await self.close()
        else:
            self.abort()

    def handle_datagram(self, datagram: bytes, now_us: int) -> None:
        """Take one datagram of this connection; called by the port."""
        if self._probe is None or not self._probe.handle_datagram(datagram, now_us):
            self._connection.handle_datagram(datagram, now_us)
        self._deliver(now_us)

    def handle_timer(self, now_us: int) -> None:
        """Do what is due; called by the port."""
        self._deliver(now_us)
        self._connection.handle_timer(now_us)
        if self._probe is not None and self.close_reason is None:
            self._probe.handle_timer(now_us)
        self._changed.set()

    def _deliver(self, now_us: int) -> None:
        if self._has_room:
            self._unread += [delivery.payload for delivery in self._connection.poll_deliveries(now_us)]
        self._changed.set()

    def poll_timer(self) -> int | None:
        """Return when `handle_timer` is due, or None after the end; called by the port."""
        due_us = self._connection.poll_timer()
        delivery_us = self._connection.poll_delivery_timer() if self._has_room else None
        if due_us is not None:
            probe_us = self._probe.poll_timer() if self._probe is not None else None
            return min(due for due in (due_us, delivery_us, probe_us) if due is not None)
        if self._is_draining:
            return delivery_us
        self._changed.set()
        self._release(self)
        return None

    @property
    def _has_room(self) -> bool:
        # After the end there is no sender left to slow down.
        return len(self._unread) < MAX_UNREAD_PACKETS or self.close_reason is not None

    def poll_datagrams(self) -> list[bytes]:
        """Return the datagrams to send, once; called by the port."""
        probes = self._probe.poll_datagrams() if self._probe is not None else []
        return self._connection.poll_datagrams() + probes
