"""The table that the kernel reads of a batch that is sent: a message a row, all to addresses of their own.

Whoever sends batches fills the same one again and again, so the table is made once, and only lengths change.

Source: sendmmsg(2).
"""

import numpy as np

from headrace.base.datagram_batch import DatagramBatch, I64Array
from headrace.base.sockaddr import SOCKADDR_BYTES
from headrace.netio import libc


class BatchTable:
    """Messages of one batch.

    Args:
        batch: Whose rows are to be sent.

    Attributes:
        batch: As given.
        messages: One for each of its rows; shape ``(capacity, 8)``.
        lengths: Bytes of each row; shape ``(capacity,)``.
    """

    __slots__ = ("_iovecs", "batch", "lengths", "messages")

    def __init__(self, batch: DatagramBatch) -> None:
        rows = np.arange(batch.capacity, dtype=np.int64)
        self.batch = batch
        self._iovecs: I64Array = np.zeros((batch.capacity, 2), np.int64)
        self._iovecs[:, 0] = batch.data.ctypes.data + rows * batch.data.strides[0]
        self.lengths: I64Array = self._iovecs[:, 1]
        self.messages: I64Array = np.zeros((batch.capacity, libc.MESSAGE_WORDS), np.int64)
        self.messages[:, libc.NAME] = batch.addresses.ctypes.data + rows * SOCKADDR_BYTES
        # The kernel takes a sockaddr_in6's length for a sockaddr_in as well.
        self.messages[:, libc.NAME_BYTES] = SOCKADDR_BYTES
        self.messages[:, libc.IOVECS] = self._iovecs.ctypes.data + rows * libc.IOVEC_BYTES
        self.messages[:, libc.IOVEC_COUNT] = 1
