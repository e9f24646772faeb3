"""One UDP socket that sends and receives in bulk, with whatever the machine does best.

Source: udp(7), ip(7), ipv6(7), socket(7).
"""

import errno
import socket
import sys
from functools import cached_property
from types import TracebackType
from typing import Final, Self
from weakref import WeakSet

import numpy as np

from headrace.base.datagram_batch import DatagramBatch, I64Array, U8Array
from headrace.base.datagram_runs import DatagramRuns
from headrace.base.sockaddr import SOCKADDR_BYTES
from headrace.netio.addresses import (
    decode_socket_address,
    encode_socket_address,
    normalise_address,
    resolve_address,
)
from headrace.netio.capabilities import Capabilities, probe_capabilities
from headrace.netio.counters import SocketCounters
from headrace.netio.libc import load_recvmmsg, load_sendmmsg
from headrace.netio.mmsg_receiver import MessageTable, MmsgReceiver
from headrace.netio.mmsg_sender import MmsgSender
from headrace.netio.peer_socket import open_peer_socket
from headrace.netio.portable import PortableReceiver, PortableSender
from headrace.netio.socket_buffers import dropped_datagrams

DEFAULT_BUFFER_BYTES: Final = 8 << 20
"""Half a second of 128 Mbit/s: a broker that was held up for that long loses nothing it was sent."""

_MIN_BUFFER_BYTES: Final = 64 << 10
_LINUX_SO_SNDBUFFORCE: Final = 32
_LINUX_SO_RCVBUFFORCE: Final = 33
_LINUX_SO_MAX_PACING_RATE: Final = 47
# NumPy takes ten times as long to compare a dtype with a type as with another dtype.
_U8: Final = np.dtype(np.uint8)
_I64: Final = np.dtype(np.int64)
_U64: Final = np.dtype(np.uint64)
_NO_IPV6: Final = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT})


class UdpSocket:
    """A bound, non-blocking UDP socket. For one thread at a time.

    Attributes:
        capabilities: What the socket was told to use.
        counters: What it has done so far, together with its peers' sockets.
        family: ``AF_INET``, or ``AF_INET6``, which then reaches IPv4 peers as mapped addresses.
        receive_buffer_bytes: Receive buffer that the system granted, as it counts them.
        send_buffer_bytes: Send buffer that the system granted, as it counts them.
    """

    def __init__(
        self,
        udp: socket.socket,
        capabilities: Capabilities,
        counters: SocketCounters | None = None,
        table: MessageTable | None = None,
    ) -> None:
        self.capabilities = capabilities
        self.counters = counters or SocketCounters()
        self.family = udp.family
        self.receive_buffer_bytes = udp.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        self.send_buffer_bytes = udp.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        self._udp = udp
        self._peers: WeakSet[UdpSocket] = WeakSet()
        self._dropped_datagrams = 0
        self._table = table or MessageTable()
        self._receiver = _make_receiver(udp, self.counters, capabilities, self._table)
        udp.setblocking(False)

    @cached_property
    def _sender(self) -> MmsgSender | PortableSender:
        """Made when something is sent: its tables take 100 kB, and a peer's socket never sends."""
        return _make_sender(self._udp, self.counters, self.capabilities)

    @classmethod
    def bind(
        cls,
        host: str | None,
        port: int,
        *,
        capabilities: Capabilities | None = None,
        receive_buffer_bytes: int = DEFAULT_BUFFER_BYTES,
        send_buffer_bytes: int = DEFAULT_BUFFER_BYTES,
    ) -> Self:
        """Open a socket at an address of this machine.

        Args:
            host: Name or number; None or ``""`` means all addresses, IPv6 and IPv4 through one socket where
                the machine has IPv6.
            port: 0 lets the system choose.
            capabilities: None uses what `probe_capabilities` finds.
            receive_buffer_bytes: Asked of the system, which may grant less.
            send_buffer_bytes: Asked of the system, which may grant less.

        Raises:
            OSError: The name is unknown, the address is not this machine's, or the port is taken.
            ValueError: ``HEADRACE_NETIO`` has a value that it cannot have.
        """
        chosen = probe_capabilities() if capabilities is None else capabilities
        udp = _open_everywhere(port) if not host else _open_at(host, port)
        try:
            _ask_buffer(udp, socket.SO_RCVBUF, _LINUX_SO_RCVBUFFORCE, receive_buffer_bytes)
            _ask_buffer(udp, socket.SO_SNDBUF, _LINUX_SO_SNDBUFFORCE, send_buffer_bytes)
            return cls(udp, chosen)
        except BaseException:
            udp.close()
            raise

    def open_peer_socket(self, address: bytes) -> Self:
        """Return a socket on this one's port that gets what the peer at ``address`` sends from now on.

        Raises:
            OSError: The system does not allow it, or there are no descriptors left.
        """
        is_ipv4 = self.family == socket.AF_INET
        udp = open_peer_socket(self._udp, decode_socket_address(address, is_ipv4=is_ipv4))
        try:
            _ask_buffer(udp, socket.SO_RCVBUF, _LINUX_SO_RCVBUFFORCE, DEFAULT_BUFFER_BYTES)
            line = type(self)(udp, self.capabilities, self.counters, self._table)
        except BaseException:
            udp.close()
            raise
        self._peers.add(line)
        return line

    def count_drops(self) -> None:
        """Bring ``counters.receive_dropped_datagrams`` up to date, for this socket and its peers' sockets."""
        for one in (self, *self._peers):
            one._count_own_drops()

    def _count_own_drops(self) -> None:
        newly = max(0, dropped_datagrams(self._udp) - self._dropped_datagrams)  # a closed one tells 0
        self.counters.receive_dropped_datagrams += newly
        self._dropped_datagrams += newly

    @property
    def local_address(self) -> bytes:
        """Own address and port, 28 bytes."""
        return encode_socket_address(self._udp.getsockname())

    @property
    def segmenting(self) -> bool:
        """Whether bursts leave with ``UDP_SEGMENT``; it turns False for a while when that fails at run time."""
        return self._sender.segmenting

    def limit_rate(self, bits_per_second: int) -> bool:
        """Let what is sent leave no faster, with pauses in between; return whether the system can do that.

        The kernel keeps to it where the queueing discipline of the network card is ``fq``.
        """
        if sys.platform != "linux":
            return False
        rate = (bits_per_second // 8).to_bytes(8, sys.byteorder)
        try:
            self._udp.setsockopt(socket.SOL_SOCKET, _LINUX_SO_MAX_PACING_RATE, rate)
        except OSError:
            return False
        return True

    def fileno(self) -> int:
        """Return the file descriptor, -1 once closed."""
        return self._udp.fileno()

    def close(self) -> None:
        """Close the socket; a second time does nothing."""
        self._count_own_drops()
        self._udp.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def resolve(self, host: str, port: int) -> bytes:
        """Return the address of ``host``, a name or a number, that this socket can send to.

        Raises:
            OSError: The name is unknown, or has no address of this socket's family.
        """
        return resolve_address(host, port, self.family)

    def normalise(self, address: bytes) -> bytes:
        """Return ``address`` as this socket reports it for a received datagram.

        Raises:
            OSError: This socket cannot reach it: IPv6 from an IPv4 socket.
        """
        return normalise_address(address, self.family)

    def receive_batch(self, batch: DatagramBatch) -> int:
        """Fill ``batch`` from row 0 with what has arrived, set its count and return it; never wait.

        A datagram that is longer than a row gets length 0 and is counted in
        ``counters.receive_truncated_datagrams``. What ICMP reports is passed over.

        Raises:
            OSError: The socket is closed.
        """
        batch.count = 0
        return self.receive_more(batch, batch.capacity)

    def receive_more(self, batch: DatagramBatch, limit: int) -> int:
        """Append to ``batch`` up to ``limit`` datagrams that have arrived, and return how many; never wait.

        See `receive_batch`.

        Raises:
            OSError: The socket is closed.
        """
        return self._receiver.receive_more(batch, limit)

    def send_batch(self, batch: DatagramBatch) -> int:
        """Send the first ``batch.count`` rows and return how many datagrams the kernel accepted.

        Like the other two it never waits and never raises for what the network does: when the send buffer
        is full the rest is given up, when one message is refused the next is sent; both are counted.
        """
        return self._sender.send_batch(batch) if batch.count else 0

    def send_burst(
        self, addresses: U8Array, headers: U8Array, store: U8Array, slots: I64Array, lengths: I64Array
    ) -> int:
        """Send P payloads to each of V peers, the same or each its own, each datagram with a header of its own.

        Args:
            addresses: Peers; shape ``(V, 28)``, C-contiguous.
            headers: Shape ``(V, P, H)``, C-contiguous, H bytes each.
            store: Ring of payloads; shape ``(capacity, stride)``, C-contiguous.
            slots: Row of ``store`` of each packet, int64, in [0, capacity): shape ``(P,)``, or ``(V, P)`` where
                each peer has payloads of its own, as long as the others'.
            lengths: Payload bytes of each packet; shape ``(P,)``, int64, in [0, stride].

        Returns:
            Datagrams that the kernel accepted, at most V x P.

        Raises:
            ValueError: An argument does not have its shape or range; the kernel would read foreign memory.
        """
        peers, packets, _ = headers.shape
        _check_datagrams(addresses, headers, peers)
        _check_payloads(store, slots, lengths, (packets,) if slots.ndim == 1 else (peers, packets))
        return self._sender.send_burst(addresses, headers, store, slots, lengths) if peers and packets else 0

    def send_each(
        self, addresses: U8Array, headers: U8Array, store: U8Array, slots: I64Array, lengths: I64Array
    ) -> int:
        """Send M datagrams: ``headers[i] + store[slots[i]][:lengths[i]]`` to ``addresses[i]``.

        Args:
            addresses: Peers; shape ``(M, 28)``, C-contiguous.
            headers: Shape ``(M, H)``, C-contiguous.
            store: Ring of payloads; shape ``(capacity, stride)``, C-contiguous.
            slots: Row of ``store`` of each datagram; shape ``(M,)``, int64, in [0, capacity).
            lengths: Payload bytes of each datagram; shape ``(M,)``, int64, in [0, stride].

        Returns:
            Datagrams that the kernel accepted, at most M.

        Raises:
            ValueError: An argument does not have its shape or range; the kernel would read foreign memory.
        """
        count, _ = headers.shape
        _check_datagrams(addresses, headers, count)
        _check_payloads(store, slots, lengths, (count,))
        return self._sender.send_each(addresses, headers, store, slots, lengths) if count else 0

    def send_runs(self, runs: DatagramRuns) -> int:
        """Send each of many peers a run of datagrams of its own; return how many the kernel accepted.

        Raises:
            ValueError: A column does not have its shape or range; the kernel would read foreign memory.
        """
        _check_datagrams(runs.addresses, runs.headers, len(runs.stores))
        _check_runs(runs)
        return self._sender.send_runs(runs) if runs.stores else 0


def _check_datagrams(addresses: U8Array, headers: U8Array, peers: int) -> None:
    if addresses.shape != (peers, SOCKADDR_BYTES):
        raise ValueError(f"addresses of {peers} peers have shape {addresses.shape}, not (n, {SOCKADDR_BYTES})")
    if not (addresses.flags.c_contiguous and headers.flags.c_contiguous):
        raise ValueError("addresses and headers have to be C-contiguous")
    if addresses.dtype != _U8 or headers.dtype != _U8:
        raise ValueError(f"addresses and headers have to be uint8, not {addresses.dtype} and {headers.dtype}")


def _check_payloads(store: U8Array, slots: I64Array, lengths: I64Array, shape: tuple[int, ...]) -> None:
    _check_store(store)
    _check_column("slots", slots, shape)
    _check_column("lengths", lengths, shape[-1:])
    for name, column, end in ("slots", slots, store.shape[0]), ("lengths", lengths, store.shape[1] + 1):
        if column.size and _largest(column) >= end:
            raise ValueError(f"{name} have to be in [0, {end}), these are {column.min()} to {column.max()}")


def _check_runs(runs: DatagramRuns) -> None:
    count = len(runs.headers)
    _check_column("packets", runs.packets, (len(runs.stores),))
    _check_column("slots", runs.slots, (count,))
    _check_column("lengths", runs.lengths, (count,))
    for store in runs.stores:
        _check_store(store)
    packets = runs.packets.tolist()
    if min(packets, default=0) < 0 or sum(packets) != count:
        raise ValueError(f"runs of {packets} packets are not {count} datagrams")
    least_slots, least_bytes = (min(store.shape[axis] for store in runs.stores) if count else 0 for axis in (0, 1))
    # What fits into the smallest store fits into all of them, and mostly they are of one size.
    if count and (_largest(runs.slots) >= least_slots or _largest(runs.lengths) > least_bytes):
        _check_each_run(runs)


def _check_each_run(runs: DatagramRuns) -> None:
    shapes = np.array([store.shape for store in runs.stores], _U64).reshape(-1, 2)
    ends = np.repeat(shapes, runs.packets, axis=0)
    if (runs.slots.view(_U64) >= ends[:, 0]).any() or (runs.lengths.view(_U64) > ends[:, 1]).any():
        raise ValueError("slots and lengths have to be within the run's store")


def _largest(column: I64Array) -> int:
    """Return the largest number, as which a negative one counts: seen as unsigned it is huge."""
    largest: int = np.maximum.reduce(column.view(_U64), axis=None)
    return largest


def _check_store(store: U8Array) -> None:
    if not store.flags.c_contiguous or store.dtype != _U8 or store.ndim != 2:
        raise ValueError("a store has to be a C-contiguous matrix of uint8")


def _check_column(name: str, column: I64Array, shape: tuple[int, ...]) -> None:
    if column.shape != shape or column.dtype != _I64:
        raise ValueError(f"{name} have to be int64 of shape {shape}, not {column.dtype} {column.shape}")


def _make_receiver(
    udp: socket.socket, counters: SocketCounters, capabilities: Capabilities, table: MessageTable
) -> MmsgReceiver | PortableReceiver:
    receive_messages = load_recvmmsg() if capabilities.recvmmsg else None
    if receive_messages is None:
        return PortableReceiver(udp, counters)
    return MmsgReceiver(udp.fileno(), udp.family, counters, receive_messages, table)


def _make_sender(
    udp: socket.socket, counters: SocketCounters, capabilities: Capabilities
) -> MmsgSender | PortableSender:
    send_messages = load_sendmmsg() if capabilities.sendmmsg else None
    if send_messages is None:
        return PortableSender(udp, counters)
    return MmsgSender(udp.fileno(), counters, send_messages, segmenting=capabilities.udp_segment)


def _open_everywhere(port: int) -> socket.socket:
    try:
        return _open(socket.AF_INET6, ("::", port))
    except OSError as error:
        if error.errno not in _NO_IPV6:
            raise
        return _open(socket.AF_INET, ("0.0.0.0", port))  # noqa: S104 - it is what the caller asked for


def _open_at(host: str, port: int) -> socket.socket:
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    return _open(family, address)


def _open(family: socket.AddressFamily, address: tuple[object, ...]) -> socket.socket:
    udp = socket.socket(family, socket.SOCK_DGRAM)
    try:
        if family == socket.AF_INET6:
            udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        udp.bind(address)
    except BaseException:
        udp.close()
        raise
    return udp


def _ask_buffer(udp: socket.socket, option: int, linux_force_option: int, wanted_bytes: int) -> None:
    """Ask for a buffer past the system's limit, else for as much as it grants."""
    if sys.platform == "linux":
        try:
            udp.setsockopt(socket.SOL_SOCKET, linux_force_option, wanted_bytes)
        except PermissionError:
            udp.setsockopt(socket.SOL_SOCKET, option, wanted_bytes)
        return
    # macOS refuses what is over its limit, where Linux grants the limit.
    while wanted_bytes >= _MIN_BUFFER_BYTES:
        try:
            udp.setsockopt(socket.SOL_SOCKET, option, wanted_bytes)
        except OSError:
            wanted_bytes //= 2
        else:
            return
