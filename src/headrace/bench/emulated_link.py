"""A long and lossy way in front of a port, emulated in the load itself: it needs neither privileges nor netem.

Source: tc-netem(8), whose ``delay`` and ``loss`` these are.
"""

from collections import deque
from typing import NamedTuple

import numpy as np

from headrace.base.datagram_batch import BoolArray, I64Array, U8Array
from headrace.bench.loopback_port import Port, Received
from headrace.netio.clock import now_us


class Way(NamedTuple):
    """What lies between a peer and the broker.

    Attributes:
        delay_us: Each way.
        loss: Share of datagrams that do not arrive, each way.
        seed: Of which those are.
    """

    delay_us: int = 0
    loss: float = 0.0
    seed: int = 1


class _Leaving(NamedTuple):
    due_us: int
    numbers: I64Array
    headers: U8Array
    lengths: I64Array
    store: U8Array | None
    slots: I64Array


class EmulatedLink:
    """A `Port` behind a way.

    What is sent leaves when `receive` is called after its time.

    Args:
        port: Whose datagrams are held up and lost.
        way: How.

    Attributes:
        lost_datagrams: Of both ways.
    """

    def __init__(self, port: Port, way: Way) -> None:
        self._port = port
        self._way = way
        self._random = np.random.default_rng(way.seed)
        self._leaving: deque[_Leaving] = deque()
        self._coming: deque[tuple[int, Received]] = deque()
        self.lost_datagrams = 0

    def receive(self) -> Received | None:
        """See `Port`."""
        self._let_go()
        while (received := self._port.receive()) is not None:
            kept = self._keeps(len(received.lengths))
            self._coming.append((now_us() + self._way.delay_us, received.take(kept)))
        if self._coming and self._coming[0][0] <= now_us():
            return self._coming.popleft()[1]
        return None

    def _keeps(self, count: int) -> BoolArray:
        kept: BoolArray = self._random.random(count) >= self._way.loss
        self.lost_datagrams += count - int(kept.sum())
        return kept

    def send(self, numbers: I64Array, datagrams: U8Array, lengths: I64Array) -> None:
        """See `Port`."""
        kept = self._keeps(len(numbers))
        self._hold(numbers[kept], datagrams[kept], lengths[kept], None, lengths[kept])

    def send_data(self, numbers: I64Array, headers: U8Array, store: U8Array, slots: I64Array) -> I64Array:
        """See `Port`; the times are 0, as nothing leaves yet."""
        kept = self._keeps(len(numbers))
        self._hold(numbers[kept], headers[kept], slots[kept], store, slots[kept])
        return np.zeros(len(numbers), np.int64)

    def _hold(
        self, numbers: I64Array, headers: U8Array, lengths: I64Array, store: U8Array | None, slots: I64Array
    ) -> None:
        self._leaving.append(_Leaving(now_us() + self._way.delay_us, numbers, headers, lengths, store, slots))
        self._let_go()

    def _let_go(self) -> None:
        while self._leaving and self._leaving[0].due_us <= now_us():
            _, numbers, headers, lengths, store, slots = self._leaving.popleft()
            if store is None:
                self._port.send(numbers, headers, lengths)
            else:
                self._port.send_data(numbers, headers, store, slots)
