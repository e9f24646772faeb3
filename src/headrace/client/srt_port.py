"""One UDP socket shared by any number of SRT connections, each found by its socket id."""

from collections import Counter
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from headrace.base.datagram_batch import DatagramBatch
from headrace.base.errors import PacketError
from headrace.netio.deadlines import Deadlines
from headrace.netio.outbox import DatagramQueue
from headrace.netio.pump import Pump
from headrace.netio.udp_socket import UdpSocket
from headrace.srt.packet import HEADER_BYTES, ControlType, Header, decode_header

LISTENER_SOCKET_ID: Final = 0
"""The destination of who has no connection yet (draft-sharabayko-srt, 4.3.1)."""


class PeerMachine(Protocol):
    """A sans-IO conversation with one peer: a `headrace.srt.caller.Caller` or something around a `Connection`."""

    def handle_datagram(self, datagram: bytes, now_us: int) -> None:
        """Take one datagram from the peer."""

    def handle_timer(self, now_us: int) -> None:
        """Do what is due."""

    def poll_timer(self) -> int | None:
        """Return when `handle_timer` is due; None when the conversation is over."""

    def poll_datagrams(self) -> list[bytes]:
        """Return the datagrams to send to the peer, once."""


HandshakeHandler = Callable[[Header, bytes, bytes, int], bytes | None]
"""Takes a handshake's header, body, origin and time; returns the datagram to answer with, or None."""


class _Peer(NamedTuple):
    machine: PeerMachine
    address: bytes


class SrtPort:
    """Drives machines from one socket, in the running event loop.

    Args:
        socket: Owned by the port from now on.
        handle_handshake: Gets what is addressed to no connection; None ignores that.

    Attributes:
        socket: As given.
        ignored_packets: What was dropped, by reason.
    """

    def __init__(self, socket: UdpSocket, handle_handshake: HandshakeHandler | None = None) -> None:
        self.socket = socket
        self.ignored_packets: Counter[str] = Counter()
        self._handle_handshake = handle_handshake
        self._is_closed = False
        self._peers: dict[int, _Peer] = {}
        self._deadlines = Deadlines()
        self._queue = DatagramQueue(socket)
        self._pump = Pump(socket, self)
        self._pump.start()

    def __len__(self) -> int:
        return len(self._peers)

    def __contains__(self, socket_id: int) -> bool:
        return socket_id in self._peers

    def attach(self, socket_id: int, machine: PeerMachine, address: bytes) -> None:
        """Let ``machine`` have what comes from ``address`` for ``socket_id``; replaces the one that had it."""
        self._peers[socket_id] = _Peer(machine, address)

    def settle(self, socket_id: int) -> None:
        """Send what a machine has to say after something but this port has driven it."""
        if self._is_closed:
            return
        self._settle(socket_id)
        self._queue.flush()
        self._pump.reschedule()

    def handle_batch(self, batch: DatagramBatch, now_us: int) -> None:
        """Take received datagrams."""
        touched: dict[int, None] = {}
        for row in range(batch.count):
            datagram = batch.datagram(row)
            try:
                header = decode_header(datagram)
            except PacketError as error:
                self.ignored_packets[error.reason] += 1
                continue
            peer = self._peers.get(header.dst_socket_id)
            if peer is not None and peer.address == batch.address(row):
                peer.machine.handle_datagram(datagram, now_us)
                touched[header.dst_socket_id] = None
            elif header.dst_socket_id == LISTENER_SOCKET_ID:
                self._answer(header, datagram, batch.address(row), now_us)
            else:
                self.ignored_packets["unknown_connection" if peer is None else "foreign_address"] += 1
        for socket_id in touched:
            self._settle(socket_id)
        self._queue.flush()

    def _answer(self, header: Header, datagram: bytes, address: bytes, now_us: int) -> None:
        is_handshake = header.is_control and header.control_type == ControlType.HANDSHAKE
        if self._handle_handshake is None or not is_handshake:
            self.ignored_packets["no_destination"] += 1
            return
        answer = self._handle_handshake(header, datagram[HEADER_BYTES:], address, now_us)
        if answer is not None:
            self._queue.put(answer, address)

    def handle_timer(self, now_us: int) -> None:
        """Do what is due."""
        for socket_id in self._deadlines.pop_due(now_us):
            if socket_id in self._peers:
                self._peers[socket_id].machine.handle_timer(now_us)
                self._settle(socket_id)
        self._queue.flush()

    def poll_timer(self) -> int | None:
        """Return when `handle_timer` is due, or None."""
        return self._deadlines.next_us()

    def _settle(self, socket_id: int) -> None:
        peer = self._peers.get(socket_id)
        if peer is None:
            return
        for datagram in peer.machine.poll_datagrams():
            self._queue.put(datagram, peer.address)
        # A machine that opens its connection attaches another one in its place.
        current = self._peers[socket_id].machine
        due_us = current.poll_timer()
        self._deadlines.set(socket_id, due_us)
        if due_us is None:
            del self._peers[socket_id]

    def close(self) -> None:
        """Stop, and close the socket; a second time does nothing."""
        self._is_closed = True
        self._pump.stop()
        self.socket.close()
