"""How often each host has called in this second, in a table of fixed size, whatever the number of hosts.

Hosts that share a place of the table are counted together. Which do is secret, and honest hosts call a few times:
who forges a million addresses fills each place with some twenty calls.

Source: the count-min sketch (Cormode and Muthukrishnan, 2005) with one row.
"""

from typing import Final

import numpy as np

from headrace.base.datagram_batch import I64Array
from headrace.base.hosts import U64Array
from headrace.fanout.resends import totals_before

PLACE_BITS: Final = 16
SECOND_US: Final = 1_000_000

_SHIFT: Final = np.uint64(64 - PLACE_BITS)


class HostRates:
    """Counts calls.

    Args:
        secret: 8 random bytes.
    """

    __slots__ = ("_counts", "_multiplier", "_second_us")

    def __init__(self, secret: bytes) -> None:
        self._multiplier = np.uint64(int.from_bytes(secret, "big") | 1)
        self._counts = np.zeros(1 << PLACE_BITS, np.int64)
        self._second_us = 0

    def count(self, hosts: U64Array, now_us: int) -> I64Array:
        """Count a call of each of ``hosts``; return how many each has made in this second; shape ``(n,)``.

        Args:
            hosts: As `headrace.base.hosts.host_numbers` gives them; shape ``(n,)``.
            now_us: The time.
        """
        if now_us - self._second_us >= SECOND_US:
            self._second_us = now_us
            self._counts[:] = 0
        places = (hosts * self._multiplier >> _SHIFT).astype(np.intp)
        ones = np.ones(len(places), np.int64)
        calls = self._counts[places] + totals_before(places, ones) + 1
        np.add.at(self._counts, places, 1)
        return calls
