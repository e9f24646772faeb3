"""The same sending and receiving with plain socket calls, one a datagram: for every system but Linux.

Source: POSIX ``sendmsg`` and ``recvmsg``.
"""

import errno
import socket
from collections.abc import Iterable
from typing import TypeAlias

import numpy as np

from headrace.base.datagram_batch import DatagramBatch, I64Array, U8Array
from headrace.base.datagram_runs import DatagramRuns
from headrace.base.sockaddr import encode_sockaddr
from headrace.netio.addresses import decode_socket_address
from headrace.netio.counters import SocketCounters
from headrace.netio.errnos import FROM_THE_NETWORK, NO_ROOM

Buffers: TypeAlias = list[memoryview]


class PortableReceiver:
    """Fills batches from one socket with ``recvmsg``."""

    def __init__(self, udp: socket.socket, counters: SocketCounters) -> None:
        self._udp = udp
        self._counters = counters

    def receive_more(self, batch: DatagramBatch, limit: int) -> int:
        """Append up to ``limit`` datagrams that are there, and return how many that was; never wait.

        Raises:
            OSError: The descriptor is closed or not a socket.
        """
        flat = batch.data.reshape(-1).data
        row_bytes = batch.data.strides[0]
        first = batch.count
        for row in range(first, min(batch.capacity, first + limit)):
            if not self._receive_one(batch, row, flat[row * row_bytes : (row + 1) * row_bytes]):
                break
            batch.count = row + 1
        return batch.count - first

    def _receive_one(self, batch: DatagramBatch, row: int, buffer: memoryview) -> bool:
        try:
            size_bytes, _, flags, address = self._udp.recvmsg_into([buffer])
        except OSError as error:
            if error.errno in NO_ROOM or error.errno in FROM_THE_NETWORK:
                return False
            raise
        self._counters.datagrams_received += 1
        if flags & socket.MSG_TRUNC:
            self._counters.receive_truncated_datagrams += 1
            size_bytes = 0
        self._counters.bytes_received += size_bytes
        batch.lengths[row] = size_bytes
        scope_id = address[3] if len(address) == 4 else 0
        batch.addresses[row] = np.frombuffer(encode_sockaddr(address[0], address[1], scope_id), np.uint8)
        return True


class PortableSender:
    """Sends bursts, lists and batches of datagrams from one socket with ``sendmsg``."""

    segmenting = False

    def __init__(self, udp: socket.socket, counters: SocketCounters) -> None:
        self._udp = udp
        self._is_ipv4 = udp.family == socket.AF_INET
        self._counters = counters

    def send_batch(self, batch: DatagramBatch) -> int:
        """Send the first ``count`` rows; return how many datagrams the kernel accepted."""
        rows = batch.data.reshape(-1).data
        row_bytes = batch.data.strides[0]
        lengths = batch.lengths[: batch.count].tolist()
        return self._send_all(
            batch.count,
            (
                (batch.addresses[row].tobytes(), [rows[row * row_bytes : row * row_bytes + length]])
                for row, length in enumerate(lengths)
            ),
        )

    def send_each(
        self, addresses: U8Array, headers: U8Array, store: U8Array, slots: I64Array, lengths: I64Array
    ) -> int:
        """Send datagram ``i`` made of ``headers[i]`` and slot ``slots[i]`` to ``addresses[i]``.

        See `UdpSocket.send_each`.
        """
        count, header_bytes = headers.shape
        header_rows = headers.reshape(-1).data
        payloads = _payloads(store, slots, lengths)
        return self._send_all(
            count,
            (
                (
                    addresses[row].tobytes(),
                    [header_rows[row * header_bytes : (row + 1) * header_bytes], payload],
                )
                for row, payload in enumerate(payloads)
            ),
        )

    def send_burst(
        self, addresses: U8Array, headers: U8Array, store: U8Array, slots: I64Array, lengths: I64Array
    ) -> int:
        """Send the packets in ``slots`` to each of ``addresses``, with a header of its own each.

        See `UdpSocket.send_burst`.
        """
        peers, packets, header_bytes = headers.shape
        header_rows = headers.reshape(-1).data
        common = _payloads(store, slots, lengths) if slots.ndim == 1 else None

        def datagrams() -> Iterable[tuple[bytes, Buffers]]:
            start = 0
            for peer in range(peers):
                address = addresses[peer].tobytes()
                for payload in _payloads(store, slots[peer], lengths) if common is None else common:
                    yield address, [header_rows[start : start + header_bytes], payload]
                    start += header_bytes

        return self._send_all(peers * packets, datagrams())

    def send_runs(self, runs: DatagramRuns) -> int:
        """Send each peer its run of datagrams; see `UdpSocket.send_runs`."""
        header_rows = runs.headers.reshape(-1).data
        header_bytes = runs.headers.shape[1]

        def datagrams() -> Iterable[tuple[bytes, Buffers]]:
            begin = 0
            for peer, (store, count) in enumerate(zip(runs.stores, runs.packets.tolist(), strict=True)):
                address = runs.addresses[peer].tobytes()
                run = slice(begin, begin + count)
                for row, payload in enumerate(_payloads(store, runs.slots[run], runs.lengths[run]), begin):
                    yield address, [header_rows[row * header_bytes : (row + 1) * header_bytes], payload]
                begin += count

        return self._send_all(len(runs.headers), datagrams())

    def _send_all(self, count: int, datagrams: Iterable[tuple[bytes, Buffers]]) -> int:
        counters = self._counters
        sent = 0
        for row, (address, buffers) in enumerate(datagrams):
            error_number = self._send_one(address, buffers)
            if error_number in NO_ROOM:
                counters.send_would_block_datagrams += count - row
                break
            if error_number:
                counters.send_error_datagrams += 1
            else:
                sent += 1
        counters.datagrams_sent += sent
        return sent

    def _send_one(self, address: bytes, buffers: Buffers) -> int:
        """Send one datagram; return 0 or an error number."""
        try:
            self._counters.system_calls += 1
            self._counters.bytes_sent += self._udp.sendmsg(
                buffers, (), socket.MSG_DONTWAIT, decode_socket_address(address, is_ipv4=self._is_ipv4)
            )
        except OSError as error:
            return error.errno or errno.EIO
        return 0


def _payloads(store: U8Array, slots: I64Array, lengths: I64Array) -> Buffers:
    flat = store.reshape(-1).data
    stride = store.strides[0]
    return [
        flat[slot * stride : slot * stride + length]
        for slot, length in zip(slots.tolist(), lengths.tolist(), strict=True)
    ]
