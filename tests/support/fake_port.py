"""A port of a load that is no socket: what peers send is kept, and what they are to get is put in."""

from collections import deque

import numpy as np

from headrace.base.datagram_batch import I64Array, U8Array
from headrace.bench.loopback_port import READ_BYTES, Received


class FakePort:
    """See `headrace.bench.loopback_port.Port`.

    Attributes:
        sent: Peer and datagram of each that was sent.
    """

    def __init__(self) -> None:
        self.sent: list[tuple[int, bytes]] = []
        self._coming: deque[list[bytes]] = deque()

    def deliver(self, *datagrams: bytes) -> None:
        """Let datagrams come in one batch."""
        self._coming.append(list(datagrams))

    def receive(self) -> Received | None:
        if not self._coming:
            return None
        datagrams = self._coming.popleft()
        data = np.frombuffer(b"".join(one[:READ_BYTES].ljust(READ_BYTES, b"\0") for one in datagrams), np.uint8)
        lengths = np.array([min(len(one), READ_BYTES) for one in datagrams])
        none = np.full(len(datagrams), -1)
        return Received(data.reshape(-1, READ_BYTES), lengths, none, none)

    def send(self, numbers: I64Array, datagrams: U8Array, lengths: I64Array) -> None:
        rows = zip(numbers.tolist(), datagrams, lengths.tolist(), strict=True)
        self.sent += [(number, row[:length].tobytes()) for number, row, length in rows]

    def send_data(self, numbers: I64Array, headers: U8Array, store: U8Array, slots: I64Array) -> I64Array:
        rows = zip(numbers.tolist(), headers, store[slots], strict=True)
        self.sent += [(number, header.tobytes() + payload.tobytes()) for number, header, payload in rows]
        return np.zeros(len(numbers), np.int64)

    def take_sent(self) -> list[tuple[int, bytes]]:
        """Return what was sent since the last call."""
        sent, self.sent = self.sent, []
        return sent
