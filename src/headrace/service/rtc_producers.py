"""Who produces by WebRTC is a producer over SRT like any other: each has a connection of our own client.

Source: ``docs/decisions/0023-browsers.md``.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from headrace.access.gate import OVERLOAD
from headrace.base.errors import HeadraceError, LocalProtocolError
from headrace.client.srt_connect import srt_connect
from headrace.client.srt_socket import MAX_UNACKNOWLEDGED_PACKETS, ConnectionEndedError, SrtSocket
from headrace.endpoints.admissions import Admitted
from headrace.srt.caller import ConnectTimeoutError
from headrace.srt.rejection import ConnectionRejectedError, explain_rejection
from headrace.srt.stream_id import AccessRequest, format_stream_id
from headrace.web.gateway import GatewayRefusal

LATENCY_MS: Final = 20
"""On the loopback address nothing is late. The broker may ask for more, which nobody notices without a loss."""
DRAIN_SECONDS: Final = 1.0


class RtcProducer:
    """One producer's connection to the broker.

    Args:
        socket: Open.
        on_ended: Called in the event loop when the broker has ended it, with why.

    Attributes:
        unsent_payloads: So many were made while the broker took none.
    """

    def __init__(self, socket: SrtSocket, on_ended: Callable[[str], None]) -> None:
        self._socket = socket
        self._loop = asyncio.get_running_loop()
        self._watching = asyncio.create_task(self._watch(on_ended))
        self.unsent_payloads = 0

    @classmethod
    async def open(
        cls, host: str, port: int, admitted: Admitted, voucher: str, on_ended: Callable[[str], None]
    ) -> "RtcProducer":
        """Connect, as who was admitted.

        Args:
            host: Where the broker listens.
            port: Likewise.
            admitted: What lets it in.
            voucher: Says so to the broker.
            on_ended: As above.

        Raises:
            GatewayRefusal: The broker refused.
        """
        grant = admitted.grant
        wanted = AccessRequest(grant.channel_id, "publish", extra=admitted.wanted.extra, credential=voucher)
        try:
            socket = await srt_connect(
                host,
                port,
                stream_id=format_stream_id(wanted),
                latency_ms=LATENCY_MS,
                passphrase=grant.rule.passphrase,
            )
        except ConnectionRejectedError as error:
            raise GatewayRefusal(error.code, explain_rejection(error.code)) from None
        except (ConnectTimeoutError, OSError):
            raise GatewayRefusal(OVERLOAD, "the broker does not answer itself: try again") from None
        return cls(socket, on_ended)

    async def _watch(self, on_ended: Callable[[str], None]) -> None:
        reason = "closed"
        try:
            while True:
                await self._socket.receive()
        except ConnectionEndedError as error:
            reason = self._socket.close_reason or str(error)
        on_ended(reason)

    def put(self, payloads: list[bytes]) -> None:
        """Have payloads sent; from any thread."""
        with suppress(RuntimeError):  # the event loop has been closed
            self._loop.call_soon_threadsafe(self._send, payloads)

    def _send(self, payloads: list[bytes]) -> None:
        if self._socket.unacknowledged_packets > MAX_UNACKNOWLEDGED_PACKETS:
            self.unsent_payloads += len(payloads)
            return
        try:
            self._socket.send_now(*payloads)
        except (ConnectionEndedError, LocalProtocolError):
            self.unsent_payloads += len(payloads)

    async def close(self) -> None:
        """Say goodbye to the broker when it has everything: it forwards at once, not at a delivery time."""
        self._watching.cancel()
        with suppress(HeadraceError, OSError):
            await self._socket.close(linger_seconds=DRAIN_SECONDS, awaits_delivery=False)
