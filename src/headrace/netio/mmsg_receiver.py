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


class MmsgReceiver:
    """Fills batches from one socket.

    The message table points into the arrays of one batch and is built anew only when another one comes.
    """

    def __init__(
        self,
        descriptor: int,
        family: socket.AddressFamily,
        counters: SocketCounters,
        receive_messages: libc.MessageCall,
    ) -> None:
        self._descriptor = descriptor
        self._is_ipv4 = family == socket.AF_INET
        self._counters = counters
        self._receive_messages = receive_messages
        self._batch = DatagramBatch(0)
        self._messages = np.zeros((0, libc.MESSAGE_WORDS), np.int64)
        self._iovecs = np.zeros((0, 2), np.int64)
        self._messages_address = 0

    def receive_batch(self, batch: DatagramBatch) -> int:
        """Fill ``batch`` from row 0 with what is there, and return how many rows that was; never wait.

        Raises:
            OSError: The descriptor is closed or not a socket.
        """
        if batch is not self._batch:
            self._point_into(batch)
        count = self._receive_once(batch)
        batch.count = count
        if count:
            self._finish(batch, count)
        return count

    def _receive_once(self, batch: DatagramBatch) -> int:
        limit = min(batch.capacity, libc.MAX_MESSAGES_PER_CALL)
        for _ in range(_ATTEMPTS):
            done = self._receive_messages(self._descriptor, self._messages_address, limit)
            if done >= 0:
                return done
            if -done in NO_ROOM:
                return 0
            if -done not in FROM_THE_NETWORK:
                raise OSError(-done, os.strerror(-done))
        return 0

    def _finish(self, batch: DatagramBatch, count: int) -> None:
        filled = self._messages[:count]
        batch.lengths[:count] = filled[:, libc.DONE_BYTES]
        truncated = filled[:, libc.FLAGS] & libc.MESSAGE_TRUNCATED
        if truncated.any():
            batch.lengths[:count][truncated != 0] = 0
            self._counters.receive_truncated_datagrams += int(np.count_nonzero(truncated))
        if self._is_ipv4:
            batch.addresses[:count, SOCKADDR_IN_BYTES:] = 0
        self._counters.datagrams_received += count
        self._counters.bytes_received += int(batch.lengths[:count].sum())

    def _point_into(self, batch: DatagramBatch) -> None:
        rows = np.arange(batch.capacity, dtype=np.int64)
        self._batch = batch
        self._iovecs = np.empty((batch.capacity, 2), np.int64)
        self._iovecs[:, 0] = batch.data.ctypes.data + rows * batch.data.strides[0]
        self._iovecs[:, 1] = MAX_DATAGRAM_BYTES
        self._messages = np.zeros((batch.capacity, libc.MESSAGE_WORDS), np.int64)
        self._messages[:, libc.NAME] = batch.addresses.ctypes.data + rows * SOCKADDR_BYTES
        # The kernel puts the family's own length there, which is the same each time: no need to set it again.
        self._messages[:, libc.NAME_BYTES] = SOCKADDR_BYTES
        self._messages[:, libc.IOVECS] = self._iovecs.ctypes.data + rows * libc.IOVEC_BYTES
        self._messages[:, libc.IOVEC_COUNT] = 1
        self._messages_address = self._messages.ctypes.data
