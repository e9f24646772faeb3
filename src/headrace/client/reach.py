"""Whether a broker answers, without asking it for anything: the first half of a handshake."""

import asyncio
from typing import Final

from headrace.base.errors import HeadraceError
from headrace.client.broker_address import BrokerAddress
from headrace.client.srt_connect import open_socket
from headrace.client.srt_port import SrtPort
from headrace.netio.clock import now_us
from headrace.netio.entropy import random_u32
from headrace.srt.caller import Caller, CallerOptions

UNREACHABLE_HINT: Final = "start one with 'headrace serve', or name another with --broker HOST:PORT"


class BrokerUnreachableError(HeadraceError):
    """No broker answers."""


async def reach_broker(broker: BrokerAddress, *, timeout_seconds: float = 3.0) -> None:
    """Return when the broker has answered an induction handshake, which it keeps no memory of.

    Raises:
        BrokerUnreachableError: It did not in time, or its name cannot be resolved.
    """
    try:
        address, udp = await open_socket(broker.host, broker.port)
    except OSError as error:
        raise BrokerUnreachableError(
            f"cannot reach {broker}: {error.strerror or error}: {UNREACHABLE_HINT}"
        ) from None
    port = SrtPort(udp)
    try:
        async with asyncio.timeout(timeout_seconds):
            await _Induction(port, address, int(timeout_seconds * 1e6)).answered.wait()
    except TimeoutError:
        raise BrokerUnreachableError(f"no broker answers at {broker}: {UNREACHABLE_HINT}") from None
    finally:
        port.close()


class _Induction:
    """A machine of the port that sends inductions until one is answered, and never a conclusion."""

    def __init__(self, port: SrtPort, address: bytes, timeout_us: int) -> None:
        self.answered = asyncio.Event()
        socket_id = random_u32() % 0x3FFF_FFFF + 1
        options = CallerOptions(connect_timeout_us=timeout_us)
        self._caller = Caller(options, socket_id=socket_id, initial_seqno=0, now_us=now_us())
        port.attach(socket_id, self, address)
        self.handle_timer(now_us())
        port.settle(socket_id)

    def handle_datagram(self, datagram: bytes, now_us: int) -> None:
        self._caller.handle_datagram(datagram, now_us)
        if self._caller.is_answered:
            self.answered.set()

    def handle_timer(self, now_us: int) -> None:
        if not self.answered.is_set():
            self._caller.handle_timer(now_us)

    def poll_timer(self) -> int | None:
        return None if self.answered.is_set() else self._caller.poll_timer()

    def poll_datagrams(self) -> list[bytes]:
        datagrams = self._caller.poll_datagrams()
        return [] if self.answered.is_set() else datagrams
