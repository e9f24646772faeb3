"""Receives one channel from a broker, and reconnects by itself.

::

    subscription = Subscription(BrokerAddress("127.0.0.1", 8890), "1AAA99", sinks=[recorder])
    await subscription.run()
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from headrace.base.channel_id import check_channel_id
from headrace.base.errors import HeadraceError
from headrace.client.backoff import Backoff, is_refused_for_good
from headrace.client.broker_address import BrokerAddress
from headrace.client.srt_connect import check_encryption, srt_connect
from headrace.client.srt_socket import ConnectionEndedError, SrtSocket
from headrace.netio.clock import now_us
from headrace.srt.stream_id import AccessRequest, format_stream_id

LIVE_WITHIN_US: Final = 1_000_000
"""A channel that gave something within the last second counts as live; a stream pauses for less."""

_log = logging.getLogger(__name__)


class PayloadSink(Protocol):
    """Something that takes what a subscription receives. It must not block."""

    def write(self, payloads: Sequence[bytes]) -> None:
        """Take payloads in their order."""

    def close(self) -> None:
        """Take no more. It may wait a little: it is called in another thread, after the last `write`."""


class SubscriptionState(Enum):
    """How a subscription is doing."""

    CONNECTING = "connecting"
    WAITING = "waiting for the producer"
    LIVE = "live"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class SubscriptionFigures:
    """What a subscription has received so far.

    Attributes:
        state: How it is doing.
        received_payload_bytes: Payload delivered.
        received_packets: Data packets that came for the first time and in time.
        lost_packets: Packets found missing when a later one came.
        recovered_packets: Of those, the ones that came after all, in time.
        dropped_packets: Packets given up.
        reconnects: How often the connection was made anew.
        rtt_ms: Round trip to the broker, None while not connected.
    """

    state: SubscriptionState
    received_payload_bytes: int
    received_packets: int
    lost_packets: int
    recovered_packets: int
    dropped_packets: int
    reconnects: int
    rtt_ms: float | None


class Subscription:
    """One subscription to one channel.

    Args:
        broker: Where the broker listens.
        channel_id: The channel.
        latency_ms: Least SRT latency: time to recover what is lost.
        token: Lets watch a private channel.
        passphrase: Of an encrypted channel, 10 to 79 bytes of UTF-8.
        key_length_bytes: 16, 24 or 32, for AES-128, -192 or -256.
        sinks: Get everything that is delivered, in order.

    Attributes:
        channel_id: As given.
        started_us: When it was made.

    Raises:
        ChannelIdError: The channel id cannot be one.
        ValueError: The passphrase or the key length cannot be one.
    """

    def __init__(
        self,
        broker: BrokerAddress,
        channel_id: str,
        *,
        latency_ms: int = 120,
        token: str | None = None,
        passphrase: str | None = None,
        key_length_bytes: int = 16,
        sinks: Sequence[PayloadSink] = (),
    ) -> None:
        self.channel_id = check_channel_id(channel_id)
        self.started_us = now_us()
        self._broker = broker
        self._latency_ms = latency_ms
        self._token = token
        check_encryption(passphrase, key_length_bytes)
        self._passphrase = passphrase
        self._key_length_bytes = key_length_bytes
        self._sinks = sinks
        self._socket: SrtSocket | None = None
        self._connects = 0
        self._refused = False
        self._delivered_bytes = 0
        self._delivered_us: int | None = None
        self._past = [0, 0, 0, 0]

    @property
    def figures(self) -> SubscriptionFigures:
        """What it has received so far."""
        now = self._counts(self._socket) if self._socket is not None else [0, 0, 0, 0]
        received, lost, recovered, dropped = (a + b for a, b in zip(self._past, now, strict=True))
        rtt_ms = self._socket.statistics.rtt_us / 1000 if self._socket is not None else None
        return SubscriptionFigures(
            self._state(),
            self._delivered_bytes,
            received,
            lost,
            recovered,
            dropped,
            max(0, self._connects - 1),
            rtt_ms,
        )

    def _state(self) -> SubscriptionState:
        if self._refused:
            return SubscriptionState.REFUSED
        if self._socket is None:
            return SubscriptionState.CONNECTING
        is_live = self._delivered_us is not None and now_us() - self._delivered_us < LIVE_WITHIN_US
        return SubscriptionState.LIVE if is_live else SubscriptionState.WAITING

    @staticmethod
    def _counts(socket: SrtSocket) -> list[int]:
        stats = socket.statistics.receiver
        return [stats.unique_packets, stats.lost_packets, stats.recovered_packets, stats.dropped_packets]

    async def run(self) -> None:
        """Receive until cancelled, whatever becomes of the connection.

        Raises:
            ConnectionRejectedError: The broker refused for good.
            Exception: Whatever a sink raises.
        """
        backoff = Backoff(random.random)
        try:
            while True:
                failure = await self._connect_and_receive(backoff)
                self._note_failure(failure)
                await asyncio.sleep(backoff.seconds_after(failure))
        finally:
            await self.close()

    async def _connect_and_receive(self, backoff: Backoff) -> HeadraceError | OSError:
        """Receive for as long as a connection lasts; return why there is none, or no more."""
        try:
            socket = await self._connect()
        except (HeadraceError, OSError) as error:
            return error
        backoff.reset()
        return await self._receive(socket)

    async def close(self) -> None:
        """Close the sinks, once; `run` does it at its end, so this is for a subscription that never ran."""
        sinks, self._sinks = self._sinks, ()
        await asyncio.to_thread(_close_all, sinks)

    def _note_failure(self, error: Exception) -> None:
        if is_refused_for_good(error):
            self._refused = True
            raise error
        _log.warning("%s: not connected to %s: %s", self.channel_id, self._broker, error)

    async def _connect(self) -> SrtSocket:
        self._socket = await srt_connect(
            self._broker.host,
            self._broker.port,
            stream_id=format_stream_id(AccessRequest(self.channel_id, credential=self._token)),
            latency_ms=self._latency_ms,
            passphrase=self._passphrase,
            key_length_bytes=self._key_length_bytes,
        )
        self._connects += 1
        return self._socket

    async def _receive(self, socket: SrtSocket) -> ConnectionEndedError:
        """Hand over what comes until the connection ends; return why it did."""
        try:
            while True:
                try:
                    payloads = await socket.receive_all()
                except ConnectionEndedError as error:
                    return error
                self._delivered_bytes += sum(map(len, payloads))
                self._delivered_us = now_us()
                for sink in self._sinks:
                    sink.write(payloads)
        finally:
            self._socket = None
            socket.abort()
            self._past = [a + b for a, b in zip(self._past, self._counts(socket), strict=True)]


def _close_all(sinks: Sequence[PayloadSink]) -> None:
    """Close every sink, also where another one fails to."""
    with contextlib.ExitStack() as stack:
        for sink in sinks:
            stack.callback(sink.close)
