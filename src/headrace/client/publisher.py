"""Sends a transport stream to a broker as one channel's producer, and reconnects by itself.

::

    stream = LiveStream(open_test_pattern())
    await Publisher(BrokerAddress("127.0.0.1", 8890), "1AAA99", stream).run()
"""

import asyncio
import contextlib
import logging
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from headrace.base.channel_id import check_channel_id
from headrace.base.errors import HeadraceError, LocalProtocolError
from headrace.client.backoff import Backoff, is_refused_for_good
from headrace.client.broker_address import BrokerAddress
from headrace.client.srt_connect import check_encryption, srt_connect
from headrace.client.srt_socket import MAX_UNACKNOWLEDGED_PACKETS, ConnectionEndedError, SrtSocket
from headrace.mpegts.packetizer import Packetizer
from headrace.srt.caller import ConnectTimeoutError
from headrace.srt.rejection import ConnectionRejectedError, RejectReason
from headrace.srt.stream_id import AccessRequest, format_stream_id

FIRST_CONNECT_SECONDS: Final = 5.0
"""A broker that is being started with us is up by then; later a clear error helps more than patience."""
MAX_WAITING_WRITES: Final = 256
"""What the stream's thread has made and the event loop has not sent yet; then the thread waits."""
STOP_SECONDS: Final = 2.0
"""The stream looks at its stop between two frames; one that hangs in a read is left to itself after this."""

_log = logging.getLogger(__name__)


class TransportStreamSource(Protocol):
    """What makes the stream: `headrace.media.live_stream.LiveStream` or its like for pass-through."""

    def __iter__(self) -> Iterator[bytes]:
        """Block until there is more, and yield it; whole 188-byte packets."""

    def stop(self) -> None:
        """End the iteration soon; called from another thread."""


@dataclass(frozen=True, slots=True)
class PublisherFigures:
    """What a publisher has done so far.

    Attributes:
        is_connected: Whether the broker has it now.
        reconnects: How often the connection was made anew.
        sent_packets: Data packets sent, resent ones included.
        sent_payload_bytes: Their payload.
        resent_packets: Packets sent again because the broker missed them.
        dropped_packets: Packets given up, or made while there was no connection.
        rtt_ms: Round trip to the broker, None before it is known.
        has_rival: Whether the broker refused, when it was last asked, because another producer has the channel.
    """

    is_connected: bool
    reconnects: int
    sent_packets: int
    sent_payload_bytes: int
    resent_packets: int
    dropped_packets: int
    rtt_ms: float | None
    has_rival: bool = False


class Publisher:
    """One producer.

    Args:
        broker: Where the broker listens.
        channel_id: The channel to produce.
        stream: What to send; read in a thread of its own, at its own pace.
        latency_ms: Least SRT latency to the broker.
        takeover: Replace a live producer of the channel. This holds for the first connection alone, so that
            two who do it do not take the channel from each other for ever.
        standby: Stay connected behind a live producer, and have the channel when that one falls silent.
        credential: Stream key of the channel, or a token to publish it with.
        passphrase: Encrypts; the channel's, 10 to 79 bytes of UTF-8.
        key_length_bytes: 16, 24 or 32, for AES-128, -192 or -256.

    Raises:
        ChannelIdError: The channel id cannot be one.
        ValueError: Both ``takeover`` and ``standby``, or a passphrase or key length that cannot be one.
    """

    def __init__(
        self,
        broker: BrokerAddress,
        channel_id: str,
        stream: TransportStreamSource,
        *,
        latency_ms: int = 120,
        takeover: bool = False,
        standby: bool = False,
        credential: str | None = None,
        passphrase: str | None = None,
        key_length_bytes: int = 16,
    ) -> None:
        if takeover and standby:
            raise ValueError("a producer takes over or stands by, not both")
        check_encryption(passphrase, key_length_bytes)
        self._passphrase = passphrase
        self._key_length_bytes = key_length_bytes
        self._broker = broker
        self._channel_id = check_channel_id(channel_id)
        self._takeover = takeover
        self._standby = standby
        self._credential = credential
        self._has_rival = False
        self._stream = stream
        self._latency_ms = latency_ms
        self._socket: SrtSocket | None = None
        self._connects = 0
        self._packetizer = Packetizer()
        self._unsent_packets = 0
        self._past = [0, 0, 0, 0]
        self._room = threading.BoundedSemaphore(MAX_WAITING_WRITES)
        self._failure: BaseException | None = None

    @property
    def figures(self) -> PublisherFigures:
        """What it has done so far."""
        now = self._counts(self._socket) if self._socket is not None else [0, 0, 0, 0]
        sent, payload_bytes, resent, dropped = (a + b for a, b in zip(self._past, now, strict=True))
        rtt_ms = self._socket.statistics.rtt_us / 1000 if self._socket is not None else None
        return PublisherFigures(
            self._socket is not None,
            max(0, self._connects - 1),
            sent,
            payload_bytes,
            resent,
            dropped + self._unsent_packets,
            rtt_ms,
            self._has_rival,
        )

    @staticmethod
    def _counts(socket: SrtSocket) -> list[int]:
        stats = socket.statistics.sender
        return [stats.sent_packets, stats.sent_payload_bytes, stats.resent_packets, stats.dropped_packets]

    async def run(self) -> None:
        """Connect, send until the stream ends, and say goodbye; cancel it to stop earlier.

        Raises:
            ConnectTimeoutError: No broker answered at the start.
            ConnectionRejectedError: The broker refused; at the start also because the channel is taken.
            OSError: The broker's name cannot be resolved at the start.
            MediaError: The stream failed.
            LocalProtocolError: The broker takes no packets of 1316 bytes.
        """
        await self._connect_first()
        connecting = asyncio.create_task(self._stay_connected())
        try:
            await self._pump_stream(connecting)
        finally:
            connecting.cancel()
            await asyncio.gather(connecting, return_exceptions=True)
            if self._socket is not None:
                try:
                    await self._socket.close()
                finally:
                    self._put_away(self._socket)

    async def _connect_first(self) -> None:
        deadline = asyncio.get_running_loop().time() + FIRST_CONNECT_SECONDS
        while True:
            try:
                await self._connect(deadline - asyncio.get_running_loop().time())
            except ConnectTimeoutError:
                if asyncio.get_running_loop().time() >= deadline:
                    raise
            else:
                return

    async def _connect(self, timeout_seconds: float = 3.0) -> SrtSocket:
        self._socket = await srt_connect(
            self._broker.host,
            self._broker.port,
            stream_id=self._stream_id(),
            latency_ms=self._latency_ms,
            passphrase=self._passphrase,
            key_length_bytes=self._key_length_bytes,
            connect_timeout_seconds=max(timeout_seconds, 0.5),
        )
        self._connects += 1
        self._has_rival = False
        return self._socket

    def _stream_id(self) -> str:
        wishes = {"takeover": self._takeover and self._connects == 0, "standby": self._standby}
        extra = {key: "1" for key, is_wished in wishes.items() if is_wished}
        return format_stream_id(
            AccessRequest(self._channel_id, "publish", extra=extra, credential=self._credential)
        )

    async def _stay_connected(self) -> None:
        backoff = Backoff(random.random)
        while True:
            try:
                socket = self._socket or await self._reconnect(backoff)
                await self._watch(socket)
            except (HeadraceError, OSError) as error:
                self._has_rival = _is_conflict(error)
                if is_refused_for_good(error) and not self._has_rival:
                    raise
                _log.warning("not connected to %s: %s", self._broker, error)
                await asyncio.sleep(backoff.seconds_after(error))

    async def _reconnect(self, backoff: Backoff) -> SrtSocket:
        socket = await self._connect()
        backoff.reset()
        _log.info("connected to %s again", self._broker)
        return socket

    async def _watch(self, socket: SrtSocket) -> None:
        """Wait until the connection ends, and raise why."""
        try:
            while True:
                await socket.receive()
        except ConnectionEndedError:
            self._put_away(socket)
            raise

    def _put_away(self, ended: SrtSocket) -> None:
        self._socket = None
        self._past = [a + b for a, b in zip(self._past, self._counts(ended), strict=True)]

    async def _pump_stream(self, connecting: "asyncio.Task[None]") -> None:
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        thread = threading.Thread(target=self._read_stream, args=(loop, ended), name="stream", daemon=True)
        thread.start()
        waiting = asyncio.create_task(ended.wait())
        try:
            await asyncio.wait((waiting, connecting), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            self._stream.stop()
            await asyncio.to_thread(thread.join, STOP_SECONDS)
        if connecting.done():
            connecting.result()
        if self._failure is not None:
            raise self._failure

    def _read_stream(self, loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
        try:
            for ts in self._stream:
                self._room.acquire()
                _call_soon(loop, self._send, ts)
        except BaseException as error:  # noqa: BLE001 - it is raised again in the event loop's thread
            self._failure = error
        finally:
            _call_soon(loop, ended.set)

    def _send(self, ts: bytes) -> None:
        self._room.release()
        # A frame's last packet does not wait for the next frame to fill it up.
        payloads = [payload for payload in (*self._packetizer.feed(ts), self._packetizer.flush()) if payload]
        socket = self._socket
        if socket is None or socket.unacknowledged_packets > MAX_UNACKNOWLEDGED_PACKETS:
            self._unsent_packets += len(payloads)
            return
        try:
            socket.send_now(*payloads)
        except ConnectionEndedError:
            self._unsent_packets += len(payloads)
        except LocalProtocolError as error:
            self._failure = error
            self._stream.stop()


def _is_conflict(error: Exception) -> bool:
    """Tell whether another producer has the channel, which it may leave again."""
    return isinstance(error, ConnectionRejectedError) and error.code == RejectReason.CONFLICT


def _call_soon(loop: asyncio.AbstractEventLoop, callback: Callable[..., None], *args: object) -> None:
    """Call something in the loop's thread; where the loop has been closed nobody is left to hear it."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(callback, *args)
