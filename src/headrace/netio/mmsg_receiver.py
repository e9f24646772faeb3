"""Receiving many datagrams with one ``recvmmsg``, straight into the arrays of a `DatagramBatch`.

Source: recvmmsg(2).
"""

import os
import socket

import numpy as np

from headrace.base.datagram_batch import MAX_DATAGRAM_BYTES, DatagramBatch
from headrace.base.sockaddr import SOCKADDR_BYTES, SOCKADDR_IN_BYTES
from headrace.netio import libc
from headrace.netio.counters import SocketCounters
from headrace.netio.errnos import FROM_THE_NETWORK, NO_ROOM

_ATTEMPTS = 4
"""An error that ICMP left at the socket hides datagrams behind it: ask again, but not for ever."""


class MessageTable:
    """What the kernel reads: one message a row of a batch. It is built anew only when another batch comes.

    One is enough for all sockets of a thread, and 150 producers' tables would be 6 MB.
    """

    def __init__(self) -> None:
        self._batch = DatagramBatch(0)
        self.messages = np.zeros((0, libc.MESSAGE_WORDS), np.int64)
        self._iovecs = np.zeros((0, 2), np.int64)
        self._address = 0

    def point_into(self, batch: DatagramBatch, first: int) -> int:
        """Return the address of the message whose datagram will be row ``first`` of ``batch``."""
        if batch is not self._batch:
            self._build(batch)
        return self._address + first * libc.MESSAGE_BYTES

    def _build(self, batch: DatagramBatch) -> None:
        rows = np.arange(batch.capacity, dtype=np.int64)
        self._batch = batch
        self._iovecs = np.empty((batch.capacity, 2), np.int64)
        self._iovecs[:, 0] = batch.data.ctypes.data + rows * batch.data.strides[0]
        self._iovecs[:, 1] = MAX_DATAGRAM_BYTES
        self.messages = np.zeros((batch.capacity, libc.MESSAGE_WORDS), np.int64)
        self.messages[:, libc.NAME] = batch.addresses.ctypes.data + rows * SOCKADDR_BYTES
        # The kernel puts the family's own length there, which is the same for all sockets of a port.
        self.messages[:, libc.NAME_BYTES] = SOCKADDR_BYTES
        self.messages[:, libc.IOVECS] = self._iovecs.ctypes.data + rows * libc.IOVEC_BYTES
        self.messages[:, libc.IOVEC_COUNT] = 1
        self._address = self.messages.ctypes.data


class MmsgReceiver:
    """Fills batches from one socket.

    Args:
        descriptor: The socket's.
        family: Its family.
        counters: Are added to.
        receive_messages: The system call.
        table: May be shared with sockets of the same family that are read in the same thread.
    """

    def __init__(
        self,
        descriptor: int,
        family: socket.AddressFamily,
        counters: SocketCounters,
        receive_messages: libc.MessageCall,
        table: MessageTable,
    ) -> None:
        self._descriptor = descriptor
        self._is_ipv4 = family == socket.AF_INET
        self._counters = counters
        self._receive_messages = receive_messages
        self._table = table

    def receive_more(self, batch: DatagramBatch, limit: int) -> int:
        """Append up to ``limit`` datagrams that are there, and return how many that was; never wait.

        Raises:
            OSError: The descriptor is closed or not a socket.
        """
        first = batch.count
        room = min(limit, batch.capacity - first, libc.MAX_MESSAGES_PER_CALL)
        count = self._receive_once(self._table.point_into(batch, first), room)
        if count:
            batch.count = first + count
            self._finish(batch, slice(first, first + count))
        return count

    def _receive_once(self, address: int, limit: int) -> int:
        for _ in range(_ATTEMPTS):
            done = self._receive_messages(self._descriptor, address, limit)
            if done >= 0:
                return done
            if -done in NO_ROOM:
                return 0
            if -done not in FROM_THE_NETWORK:
                raise OSError(-done, os.strerror(-done))
        return 0

    def _finish(self, batch: DatagramBatch, rows: slice) -> None:
        filled = self._table.messages[rows]
        lengths = batch.lengths[rows]
        lengths[:] = filled[:, libc.DONE_BYTES]
        # Flags are rare, and this is the quickest way to see that there are none.
        if np.count_nonzero(filled[:, libc.FLAGS]):
            truncated = filled[:, libc.FLAGS] & libc.MESSAGE_TRUNCATED != 0
            lengths[truncated] = 0
            self._counters.receive_truncated_datagrams += int(np.count_nonzero(truncated))
        if self._is_ipv4:
            batch.addresses[rows, SOCKADDR_IN_BYTES:] = 0
        self._counters.datagrams_received += len(lengths)
        self._counters.bytes_received += int(np.add.reduce(lengths))
