"""One UDP socket that is at thousands of addresses at once: a crowd of peers at the cost of one socket.

A socket bound to 0.0.0.0 is reached at every address of 127.0.0.0/8, and `IP_PKTINFO` lets each datagram leave
from any of them. So a broker sees as many peers as there are addresses, and all that it sends them is read with
a few ``recvmmsg`` calls. Of each datagram only the beginning is copied, unless a load has a use for the payload.

Source: ip(7) ``IP_PKTINFO``; recvmmsg(2); the kernel's Documentation/networking/timestamping.rst, 1.2.
"""

import socket
import struct
from ipaddress import IPv4Address
from typing import Final, NamedTuple, Protocol

import numpy as np

from headrace.base.datagram_batch import BoolArray, I64Array, U8Array
from headrace.base.errors import HeadraceError
from headrace.base.sockaddr import SOCKADDR_IN_BYTES, encode_sockaddr
from headrace.netio import libc
from headrace.netio.clock import unix_time_us
from headrace.netio.errnos import NO_ROOM

READ_BYTES: Final = 128
"""Of each datagram, where nobody asks for more: a handshake's answer, an acknowledgement, a short loss report."""
CAPACITY: Final = libc.MAX_MESSAGES_PER_CALL
RECEIVE_BUFFER_BYTES: Final = 256 << 20
"""100,000 datagrams as the kernel counts them: the broker may run ahead of the load by a third of a second."""
MAX_PEERS: Final = 65_000

_FIRST_HOST: Final = 0x7F10_0000
"""127.16.0.0: far from what else may listen on the loopback interface."""
_SO_RCVBUFFORCE: Final = 33
_SO_TIMESTAMPNS: Final = 35
_SO_MEMINFO: Final = 55
_MEMINFO: Final = struct.Struct("@9I")
_MEMINFO_DROPS: Final = 8
_IP_PKTINFO: Final = 8
_PKTINFO_BYTES: Final = 32
"""``CMSG_SPACE(sizeof(struct in_pktinfo))``: 16 of header, interface, own address, destination, 4 of padding."""
_PKTINFO_USED_BYTES: Final = 28
_TIMESPEC_BYTES: Final = 32
"""``CMSG_SPACE(sizeof(struct timespec))``: 16 of header, seconds, nanoseconds."""


class LoadError(HeadraceError):
    """A load cannot do what a scenario wants of it; the message says why."""


class Received(NamedTuple):
    """Datagrams that have come; ``n`` of them.

    Attributes:
        data: First bytes of each, valid until the next `receive`; shape ``(n, read_bytes)``.
        lengths: Bytes of each row that are the datagram's; shape ``(n,)``.
        numbers: Peer to whose address each was sent, -1 where the port was not told to look; shape ``(n,)``.
        arrivals_us: When the kernel took each in, microseconds since 1970, 0 where it was not asked; ``(n,)``.
    """

    data: U8Array
    lengths: I64Array
    numbers: I64Array
    arrivals_us: I64Array

    @property
    def words(self) -> I64Array:
        """The four words of each SRT header; shape ``(n, 4)``."""
        return np.ascontiguousarray(self.data[:, :16]).view(">u4").astype(np.int64)

    def take(self, wanted: BoolArray) -> "Received":
        """Return copies of the datagrams that are ``wanted``; shape ``(n,)``."""
        return Received(self.data[wanted], self.lengths[wanted], self.numbers[wanted], self.arrivals_us[wanted])

    def datagram(self, row: int) -> bytes:
        """Return a copy of what was read of datagram ``row``."""
        return bytes(self.data[row, : self.lengths[row]])


class Port(Protocol):
    """What peers receive and send through: a `LoopbackPort`, or a bad network in front of one."""

    def receive(self) -> Received | None:
        """Return what has come, at most `CAPACITY` datagrams, or None; never wait."""

    def send(self, numbers: I64Array, datagrams: U8Array, lengths: I64Array) -> None:
        """Send ``datagrams[i, :lengths[i]]`` from the address of peer ``numbers[i]``."""

    def send_data(self, numbers: I64Array, headers: U8Array, store: U8Array, slots: I64Array) -> I64Array:
        """Send ``headers[i] + store[slots[i]]`` from peer ``numbers[i]``; return the times just before each."""


class LoopbackPort:
    """The socket of a crowd that talks to one other port of the loopback interface.

    Args:
        peer_port: The other's UDP port on 127.0.0.1.
        peers: How many addresses are wanted.
        stamps: Have the kernel note when each datagram arrives, and note when each data packet is sent.
        tells_numbers: Say to which peer each datagram was sent, where its content does not.
        read_bytes: Of each datagram; a multiple of 8. The rest is thrown away.

    Raises:
        LoadError: This is not Linux, or there are too many peers.
    """

    def __init__(
        self,
        peer_port: int,
        peers: int,
        *,
        stamps: bool = False,
        tells_numbers: bool = False,
        read_bytes: int = READ_BYTES,
    ) -> None:
        receive_messages, send_messages = libc.load_recvmmsg(), libc.load_sendmmsg()
        if receive_messages is None or send_messages is None:
            raise LoadError("a load needs 64-bit Linux, where 127.0.0.0/8 is this machine: run the bench there")
        if peers > MAX_PEERS:
            raise LoadError(f"a load has {MAX_PEERS} peers at most, not {peers}")
        self._receive_messages, self._send_messages = receive_messages, send_messages
        self._is_stamping = stamps
        self._tells_numbers = tells_numbers
        self._read_bytes = read_bytes
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._configure()
        self._peer = np.frombuffer(encode_sockaddr("127.0.0.1", peer_port), np.uint8)
        self._sources = _source_controls(peers)
        self._make_receive_table()
        self._send_table = np.zeros((0, libc.MESSAGE_WORDS), np.int64)
        self._iovecs = np.zeros((0, 2, 2), np.int64)
        self.refused_datagrams = 0

    def _configure(self) -> None:
        self.limit_receive_buffer(RECEIVE_BUFFER_BYTES)
        if self._is_stamping:
            # From a work queue of the kernel's, some milliseconds later; nobody is connected before that.
            self._udp.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        if self._tells_numbers:
            self._udp.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
        self._udp.setblocking(False)
        self._udp.bind(("0.0.0.0", 0))  # noqa: S104 - an address of its own for each peer is the point

    def limit_receive_buffer(self, size_bytes: int) -> None:
        """Let so much wait for `receive`, or as much as the system grants."""
        try:
            self._udp.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, size_bytes)
        except PermissionError:
            self._udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size_bytes)

    def _make_receive_table(self) -> None:
        rows = np.arange(CAPACITY, dtype=np.int64)
        self._data: U8Array = np.zeros((CAPACITY, self._read_bytes), np.uint8)
        self._control_bytes = _TIMESPEC_BYTES * self._is_stamping + _PKTINFO_BYTES * self._tells_numbers
        self._control: U8Array = np.zeros((CAPACITY, max(self._control_bytes, 8)), np.uint8)
        self._read_iovecs = np.empty((CAPACITY, 2), np.int64)
        self._read_iovecs[:, 0] = self._data.ctypes.data + rows * self._read_bytes
        self._read_iovecs[:, 1] = self._read_bytes
        self._read_table = np.zeros((CAPACITY, libc.MESSAGE_WORDS), np.int64)
        self._read_table[:, libc.IOVECS] = self._read_iovecs.ctypes.data + rows * libc.IOVEC_BYTES
        self._read_table[:, libc.IOVEC_COUNT] = 1
        if self._control_bytes:
            self._read_table[:, libc.CONTROL] = self._control.ctypes.data + rows * self._control_bytes
        self._read_address = self._read_table.ctypes.data

    @property
    def first_address(self) -> IPv4Address:
        """Address of peer 0; the others' follow it."""
        return IPv4Address(_FIRST_HOST)

    @property
    def number(self) -> int:
        """UDP port of every peer."""
        number: int = self._udp.getsockname()[1]
        return number

    @property
    def dropped_datagrams(self) -> int:
        """Datagrams that came and found no room in the receive buffer, so far."""
        content = self._udp.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size)
        return int(_MEMINFO.unpack(content)[_MEMINFO_DROPS])

    def receive(self) -> Received | None:
        """See `Port`."""
        if self._control_bytes:
            # The kernel has put there how much it used.
            self._read_table[:, libc.CONTROL_BYTES] = self._control_bytes
        count = self._receive_messages(self._udp.fileno(), self._read_address, CAPACITY)
        if count <= 0:
            return None
        lengths = self._read_table[:count, libc.DONE_BYTES] & 0xFFFF_FFFF
        return Received(self._data[:count], lengths, self._numbers(count), self._arrivals_us(count))

    def _arrivals_us(self, count: int) -> I64Array:
        if not self._is_stamping:
            return np.zeros(count, np.int64)
        words = self._control[:count].view(np.int64)
        arrivals_us: I64Array = words[:, 2] * 1_000_000 + words[:, 3] // 1000
        return arrivals_us

    def _numbers(self, count: int) -> I64Array:
        if not self._tells_numbers:
            return np.full(count, -1, np.int64)
        # The destination is the last of the three words, after the stamp if there is one.
        at = _TIMESPEC_BYTES * self._is_stamping + 24
        hosts = np.ascontiguousarray(self._control[:count, at : at + 4]).view(">u4")[:, 0]
        return hosts.astype(np.int64) - _FIRST_HOST

    def send(self, numbers: I64Array, datagrams: U8Array, lengths: I64Array) -> None:
        """See `Port`."""
        count = len(numbers)
        self._reserve(count)
        self._iovecs[:count, 0, 0] = datagrams.ctypes.data + np.arange(count) * datagrams.strides[0]
        self._iovecs[:count, 0, 1] = lengths
        self._transmit(numbers, iovecs=1)

    def send_data(self, numbers: I64Array, headers: U8Array, store: U8Array, slots: I64Array) -> I64Array:
        """See `Port`."""
        count = len(numbers)
        self._reserve(count)
        self._iovecs[:count, 0, 0] = headers.ctypes.data + np.arange(count) * headers.strides[0]
        self._iovecs[:count, 0, 1] = headers.shape[1]
        self._iovecs[:count, 1, 0] = store.ctypes.data + slots * store.strides[0]
        self._iovecs[:count, 1, 1] = store.shape[1]
        return self._transmit(numbers, iovecs=2)

    def _transmit(self, numbers: I64Array, *, iovecs: int) -> I64Array:
        count = len(numbers)
        table = self._send_table
        table[:count, libc.IOVEC_COUNT] = iovecs
        table[:count, libc.CONTROL] = self._sources.ctypes.data + numbers * _PKTINFO_BYTES
        sent_us = np.empty(count, np.int64)
        row, step = 0, 1 if self._is_stamping and iovecs == 2 else libc.MAX_MESSAGES_PER_CALL
        while row < count:
            some = min(step, count - row)
            sent_us[row : row + some] = unix_time_us()
            done = self._send_messages(self._udp.fileno(), table.ctypes.data + row * libc.MESSAGE_BYTES, some)
            if done <= 0:
                self.refused_datagrams += 1
                if -done in NO_ROOM:
                    self.refused_datagrams += count - row - 1
                    break
                done = 1
            row += done
        return sent_us

    def _reserve(self, count: int) -> None:
        if count <= len(self._send_table):
            return
        capacity = 1 << (count - 1).bit_length()
        self._iovecs = np.zeros((capacity, 2, 2), np.int64)
        self._send_table = np.zeros((capacity, libc.MESSAGE_WORDS), np.int64)
        self._send_table[:, libc.NAME] = self._peer.ctypes.data
        self._send_table[:, libc.NAME_BYTES] = SOCKADDR_IN_BYTES
        self._send_table[:, libc.CONTROL_BYTES] = _PKTINFO_BYTES
        self._send_table[:, libc.IOVECS] = self._iovecs.ctypes.data + np.arange(capacity) * 2 * libc.IOVEC_BYTES

    def close(self) -> None:
        """Close the socket."""
        self._udp.close()


def _source_controls(peers: int) -> U8Array:
    """Return for each peer the control message that names its address as the source; shape ``(peers, 32)``."""
    controls = np.zeros((peers, _PKTINFO_BYTES), np.uint8)
    words = controls.view(np.uint32)
    words[:, 0] = _PKTINFO_USED_BYTES
    words[:, 2] = socket.IPPROTO_IP
    words[:, 3] = _IP_PKTINFO
    controls[:, 20:24] = (_FIRST_HOST + np.arange(peers)).astype(">u4").view(np.uint8).reshape(peers, 4)
    return controls
