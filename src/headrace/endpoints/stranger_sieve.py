"""Drops what is nobody's of a batch as columns: packets to socket ids that no producer has, or from elsewhere.

It costs some microseconds a batch, so it is used only while strangers come in numbers.

Source: ``docs/decisions/0020-limits.md``.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final

import numpy as np

from headrace.base.datagram_batch import U8Array, U32Array
from headrace.base.sockaddr import PORT_BYTES, SOCKADDR_BYTES
from headrace.endpoints.packet_columns import PacketColumns
from headrace.fanout.rebinding import MAX_REBIND_CHECKS_PER_BATCH
from headrace.fanout.subscriber_table import Rows

MANY_STRANGERS: Final = 16
"""Of one batch: taken one by one they cost as much as the sieve."""
WARY_US: Final = 1_000_000
"""So long it is used after the last batch that had many."""


class StrangerSieve:
    """Knows the producers' ids and addresses as columns.

    Args:
        ignored: Counts what is dropped, by reason.
    """

    __slots__ = ("_addresses", "_ids", "_ignored", "_is_known", "_until_us")

    def __init__(self, ignored: Counter[str]) -> None:
        self._ignored = ignored
        self._ids: U32Array = np.zeros(0, np.uint32)
        self._addresses: U8Array = np.zeros((0, SOCKADDR_BYTES), np.uint8)
        self._is_known = False
        self._until_us = 0

    def forget(self) -> None:
        """Note that a producer has come, gone, or moved."""
        self._is_known = False

    def is_wanted(self, now_us: int) -> bool:
        """Return whether strangers come in numbers."""
        return now_us < self._until_us

    def note_strangers(self, count: int, now_us: int) -> None:
        """Note how many of a batch were strangers'."""
        if count >= MANY_STRANGERS:
            self._until_us = now_us + WARY_US

    def sift(
        self, packets: PacketColumns, rows: Rows, producers: Iterable[tuple[int, bytes]], now_us: int
    ) -> Rows:
        """Return those of ``rows`` that are worth a look: a producer's, or from another port of its host.

        Args:
            packets: A batch.
            rows: Of packets that are neither subscribers' nor handshakes.
            producers: Socket id and address of each.
            now_us: The time.
        """
        if not self._is_known:
            self._learn(producers)
        kept = self._without_foreign(packets, *self._without_unknown(packets, rows))
        self.note_strangers(len(rows) - len(kept), now_us)
        return kept

    def _learn(self, producers: Iterable[tuple[int, bytes]]) -> None:
        known = sorted(producers)
        self._ids = np.array([socket_id for socket_id, _ in known], np.uint32)
        joined = b"".join(address for _, address in known)
        self._addresses = np.frombuffer(joined, np.uint8).reshape(-1, SOCKADDR_BYTES)
        self._is_known = True

    def _without_unknown(self, packets: PacketColumns, rows: Rows) -> tuple[Rows, Rows]:
        """Return the rows of known ids, and which producer each names."""
        ids = packets.dst_socket_id[rows]
        at = np.searchsorted(self._ids, ids)
        at[at == len(self._ids)] = 0
        is_known = self._ids[at] == ids if len(self._ids) else np.zeros(len(ids), np.bool_)
        self._ignored["unknown_connection"] += len(rows) - int(np.count_nonzero(is_known))
        return rows[is_known], at[is_known]

    def _without_foreign(self, packets: PacketColumns, rows: Rows, at: Rows) -> Rows:
        is_equal = packets.addresses[rows] == self._addresses[at]
        is_at_home = is_equal.all(axis=1)
        is_equal[:, PORT_BYTES] = True
        is_next_door = is_equal.all(axis=1) & ~is_at_home
        is_next_door &= np.cumsum(is_next_door) <= MAX_REBIND_CHECKS_PER_BATCH
        kept: Rows = rows[is_at_home | is_next_door]
        self._ignored["foreign_address"] += len(rows) - len(kept)
        return kept
