"""What a protocol sends through: a `headrace.netio.udp_socket.UdpSocket`, or a simulation's stand-in."""

from typing import Protocol

from headrace.base.datagram_batch import DatagramBatch, I64Array, U8Array
from headrace.base.datagram_runs import DatagramRuns


class Outbox(Protocol):
    """Four ways to send; each returns how many datagrams left and never raises for what a network does."""

    def send_batch(self, batch: DatagramBatch) -> int:
        """Send the first ``batch.count`` rows."""

    def send_burst(
        self, addresses: U8Array, headers: U8Array, store: U8Array, slots: I64Array, lengths: I64Array
    ) -> int:
        """Send P payloads to each of V peers; headers of shape ``(V, P, H)``, slots ``(P,)`` or ``(V, P)``."""

    def send_each(
        self, addresses: U8Array, headers: U8Array, store: U8Array, slots: I64Array, lengths: I64Array
    ) -> int:
        """Send payload ``i`` with header ``i`` to peer ``i``; headers of shape ``(M, H)``."""

    def send_runs(self, runs: DatagramRuns) -> int:
        """Send each of many peers datagrams of its own."""


class DatagramQueue:
    """Single datagrams gathered to leave with one call.

    Args:
        outbox: Where they leave.
        capacity: After so many they leave without being told to.
    """

    __slots__ = ("_batch", "_outbox")

    def __init__(self, outbox: Outbox, capacity: int = 512) -> None:
        self._outbox = outbox
        self._batch = DatagramBatch(capacity)

    def put(self, datagram: bytes, address: bytes) -> None:
        """Queue one datagram for ``address``, 28 bytes."""
        if self._batch.count == self._batch.capacity:
            self.flush()
        self._batch.append(datagram, address)

    def put_rows(self, datagrams: U8Array, addresses: U8Array) -> None:
        """Send ``n`` short datagrams of one length: shapes ``(n, length)`` and ``(n, 28)``."""
        batch = self._batch
        for start in range(0, len(datagrams), batch.capacity):
            self.flush()
            piece = datagrams[start : start + batch.capacity]
            batch.count, width = piece.shape
            batch.data[: batch.count, :width] = piece
            batch.lengths[: batch.count] = width
            batch.addresses[: batch.count] = addresses[start : start + batch.capacity]
        self.flush()

    def flush(self) -> None:
        """Send what is queued."""
        if self._batch.count:
            self._outbox.send_batch(self._batch)
            self._batch.count = 0
