"""A UDP proxy that treats datagrams as badly as it is told to, for real programs on the loopback interface.

It behaves as a network address translator does: each client gets an upstream socket of its own. What happens
to a datagram is decided by the links of `tests.simnet`, so a proxy and a simulation share their settings.

Source: select(2), whose timeout is in microseconds, where epoll and asyncio round to milliseconds.
"""

import select
import socket
import threading
import time
from dataclasses import dataclass
from heapq import heappop, heappush
from random import Random
from types import TracebackType
from typing import Self

from tests.simnet.link import RunningLink, SimLink

MAX_CLIENTS = 512
"""select(2) takes descriptors below 1024."""

_MAX_DATAGRAMS_A_TURN = 64
_BUFFER_BYTES = 4 << 20
_IDLE_SECONDS = 1.0
_HANDSHAKE = b"\x80\0\0\0"
_STOP, _CHANGE_PORTS, _REPEAT_HANDSHAKES = b"s", b"p", b"h"


@dataclass(slots=True)
class ProxyCounters:
    """What one direction has carried.

    Attributes:
        forwarded: Datagrams sent on, duplicates included.
        dropped: Datagrams lost on purpose.
    """

    forwarded: int = 0
    dropped: int = 0


@dataclass(slots=True)
class _Client:
    upstream: socket.socket
    to_target: RunningLink
    to_client: RunningLink
    address: tuple[str, int]
    handshake: bytes = b""


_Due = tuple[int, int, socket.socket, bytes, tuple[str, int], ProxyCounters]


class LossyProxy:
    """Forwards datagrams between clients and a target, in a thread, while used as a context manager.

    Args:
        target: Host and port of the real server.
        to_target: How the way from clients to the target behaves; outage windows count from the start.
        to_client: How the way back behaves.
        seed: Names the random decisions; those of each client and direction are independent.
        port: Where clients connect; 0 lets the system choose.

    Attributes:
        address: Host and port for clients.
        to_target: Counters of the way from clients to the target.
        to_client: Counters of the way back.
        repeated_handshakes: How many were sent to the target once more.
        is_cut: While a test sets this, everything is dropped, as if the cable was pulled.
    """

    def __init__(
        self,
        target: tuple[str, int],
        *,
        to_target: SimLink | None = None,
        to_client: SimLink | None = None,
        seed: int = 1,
        port: int = 0,
    ) -> None:
        self.to_target = ProxyCounters()
        self.to_client = ProxyCounters()
        self.repeated_handshakes = 0
        self.is_cut = False
        self._target = target
        self._links = to_target or SimLink(), to_client or SimLink()
        self._seed = seed
        self._front = _open_loopback(port)
        self.address: tuple[str, int] = self._front.getsockname()
        self._wake_read, self._wake_write = socket.socketpair()
        self._by_address: dict[tuple[str, int], _Client] = {}
        self._by_socket: dict[socket.socket, _Client] = {}
        self._forgotten: list[socket.socket] = []
        self._heap: list[_Due] = []
        self._order = 0
        self._start_ns = time.monotonic_ns()
        self._thread = threading.Thread(target=self._run, name="lossy-proxy", daemon=True)

    @property
    def port(self) -> int:
        """Port for clients."""
        return self.address[1]

    def start(self) -> None:
        """Begin to forward."""
        self._start_ns = time.monotonic_ns()
        self._thread.start()

    def stop(self) -> None:
        """Stop forwarding, drop what is under way and close every socket."""
        self._wake_write.send(_STOP)
        self._thread.join()
        for opened in (self._front, self._wake_read, self._wake_write, *self._by_socket, *self._forgotten):
            opened.close()

    def change_ports(self) -> None:
        """Give every client another port towards the target, as a NAT that has forgotten them does.

        What comes to the old ports is lost.
        """
        self._wake_write.send(_CHANGE_PORTS)

    def repeat_handshakes(self) -> None:
        """Send the last SRT handshake packet of every client to the target once more, as a late double."""
        self._wake_write.send(_REPEAT_HANDSHAKES)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _now_us(self) -> int:
        return (time.monotonic_ns() - self._start_ns) // 1000

    def _run(self) -> None:
        while True:
            wait_seconds = _IDLE_SECONDS
            if self._heap:
                wait_seconds = max(0, self._heap[0][0] - self._now_us()) / 1e6
            readable, _, _ = select.select([self._wake_read, self._front, *self._by_socket], [], [], wait_seconds)
            if self._wake_read in readable:
                readable.remove(self._wake_read)
                if not self._handle_wish(self._wake_read.recv(1)):
                    return
            for udp in readable:
                self._read(udp)
            self._send_due()

    def _handle_wish(self, wish: bytes) -> bool:
        """Do what another thread asks for; return whether to go on."""
        for client in list(self._by_socket.values()) if wish != _STOP else ():
            if wish == _CHANGE_PORTS:
                self._forgotten.append(client.upstream)
                del self._by_socket[client.upstream]
                client.upstream = _open_loopback(0)
                self._by_socket[client.upstream] = client
            elif client.handshake:
                self._take(client.handshake, client.to_target, client.upstream, self._target, self.to_target)
                self.repeated_handshakes += 1
        return wish != _STOP

    def _read(self, udp: socket.socket) -> None:
        for _ in range(_MAX_DATAGRAMS_A_TURN):
            try:
                datagram, sender = udp.recvfrom(65_535)
            except BlockingIOError:
                return
            except OSError:
                continue
            if udp is self._front:
                self._from_client(datagram, sender)
            elif client := self._by_socket.get(udp):
                self._take(datagram, client.to_client, self._front, client.address, self.to_client)

    def _from_client(self, datagram: bytes, sender: tuple[str, int]) -> None:
        client = self._by_address.get(sender)
        if client is None:
            if len(self._by_address) == MAX_CLIENTS:
                self.to_target.dropped += 1
                return
            client = self._add_client(sender)
        if datagram.startswith(_HANDSHAKE):
            client.handshake = datagram
        self._take(datagram, client.to_target, client.upstream, self._target, self.to_target)

    def _add_client(self, address: tuple[str, int]) -> _Client:
        number = len(self._by_address)
        there, back = self._links
        client = _Client(
            _open_loopback(0),
            RunningLink(there, Random(f"{self._seed}/{number}/to target")),
            RunningLink(back, Random(f"{self._seed}/{number}/to client")),
            address,
        )
        self._by_address[address] = self._by_socket[client.upstream] = client
        return client

    def _take(
        self,
        datagram: bytes,
        link: RunningLink,
        out: socket.socket,
        receiver: tuple[str, int],
        counters: ProxyCounters,
    ) -> None:
        arrivals_us = () if self.is_cut else link.arrivals_us(len(datagram), self._now_us())
        if not arrivals_us:
            counters.dropped += 1
        for arrival_us in arrivals_us:
            self._order += 1
            heappush(self._heap, (arrival_us, self._order, out, datagram, receiver, counters))

    def _send_due(self) -> None:
        now_us = self._now_us()
        while self._heap and self._heap[0][0] <= now_us:
            _, _, out, datagram, receiver, counters = heappop(self._heap)
            # Counted first: whoever gets the datagram finds it counted.
            counters.forwarded += 1
            try:
                out.sendto(datagram, receiver)
            except OSError:
                counters.forwarded -= 1
                counters.dropped += 1


def _open_loopback(port: int) -> socket.socket:
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.setblocking(False)
    for option in socket.SO_RCVBUF, socket.SO_SNDBUF:
        udp.setsockopt(socket.SOL_SOCKET, option, _BUFFER_BYTES)
    udp.bind(("127.0.0.1", port))
    return udp
