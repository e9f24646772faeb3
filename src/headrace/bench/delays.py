"""How long packets took: from just before the producer's system call until the kernel had them at a subscriber.

So it does not matter how busy the load is; but the time contains the sending side of the kernel, of which on the
loopback interface the receiving side is a part.

Source: the method is that of RFC 1242, 3.8, with a time before and a time after the device.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from headrace.base.datagram_batch import I64Array

_KEPT_PACKETS: Final = 16_384
"""Of each channel, whose sending times are known: 3 s of 50 Mbit/s."""


class Delays:
    """Notes every packet at every subscriber; see `headrace.bench.load.Observer`.

    Args:
        channels: Of each subscriber.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        self._channels = np.array(channels, np.int64)
        self._sent_us = np.zeros((max(channels, default=0) + 1, _KEPT_PACKETS), np.int64)
        self._rows: list[I64Array] = []
        self._indices: list[I64Array] = []
        self._delays_us: list[I64Array] = []

    def note_sent(self, rows: I64Array, indices: I64Array, sent_us: I64Array) -> None:
        """See `Observer`."""
        self._sent_us[rows, indices % _KEPT_PACKETS] = sent_us

    def note_arrivals(self, rows: I64Array, indices: I64Array, arrivals_us: I64Array) -> None:
        """See `Observer`."""
        self._rows.append(rows)
        self._indices.append(indices)
        self._delays_us.append(arrivals_us - self._sent_us[self._channels[rows], indices % _KEPT_PACKETS])

    def take(self) -> tuple[I64Array, I64Array, I64Array]:
        """Return subscribers, indices and microseconds of all packets since the last call; each ``(n,)``."""
        taken = tuple(np.concatenate([np.zeros(0, np.int64), *parts]) for parts in self._parts())
        for parts in self._parts():
            parts.clear()
        return taken[0], taken[1], taken[2]

    def _parts(self) -> tuple[list[I64Array], ...]:
        return self._rows, self._indices, self._delays_us
