"""The keys of those subscribers that each have a key of their own, and packets sealed with them.

Who calls makes the key, so that every subscriber has another one: each gets bytes of its own, and only the making
of counter blocks and headers is done for all at once.

Source: ``docs/decisions/0017-encryption.md``.
"""

from enum import IntEnum
from typing import Final, NamedTuple

import numpy as np

from headrace.base.datagram_batch import I64Array, U8Array
from headrace.fanout.sealing import Scratch, SealingKey, seal
from headrace.fanout.subscriber_table import Rows, SubscriberTable
from headrace.srt.session_keys import Parity

KEY_FLAGS_SHIFT: Final = 27
"""Where the KK bits stand in a data packet's second word."""

_WIRE_WORD: Final = np.dtype(">u4")


class Sealing(IntEnum):
    """How a subscriber's packets are sealed: the values of the table's column."""

    CLEAR = 0
    OWN = 1
    SHARED = 2


class SealedPackets(NamedTuple):
    """Sealed payloads for packets whose headers say so; to be used before anything else is sealed.

    Attributes:
        store: A payload a row, as long as it was, and perhaps more that means nothing.
        slots: Row of ``store`` of each packet, in the shape of the packets.
    """

    store: U8Array
    slots: I64Array


def header_words(headers: U8Array) -> np.ndarray[tuple[int, ...], np.dtype[np.uint32]]:
    """Return headers, of shape ``(..., 16)``, seen as big-endian words; shape ``(..., 4)``."""
    return headers.view(_WIRE_WORD)


class OwnKeys:
    """Keys by row of the table, whose columns ``sealing`` and ``key_flags`` follow.

    Args:
        table: Where the subscribers are rows.
    """

    __slots__ = ("_keys", "_scratch", "_table")

    def __init__(self, table: SubscriberTable) -> None:
        self._table = table
        self._keys: dict[int, SealingKey] = {}
        self._scratch = Scratch()

    def __len__(self) -> int:
        return len(self._keys)

    def use(self, row: int, key: SealingKey, parity: Parity) -> None:
        """Seal a subscriber's packets with ``key`` from now on, and say so in their headers."""
        self._keys[row] = key
        self._table.rows["sealing"][row] = Sealing.OWN
        self._table.rows["key_flags"][row] = parity << KEY_FLAGS_SHIFT

    def forget(self, row: int) -> None:
        """Drop a subscriber's key, if it has one."""
        self._keys.pop(row, None)

    def seal_burst(
        self, store: U8Array, headers: U8Array, rows: Rows, slots: I64Array, lengths: I64Array
    ) -> SealedPackets:
        """Seal packets of a ring for each of ``v`` subscribers.

        Args:
            store: The ring's.
            headers: Of these packets, in which the KK bits are set; shape ``(v, p, 16)``.
            rows: The subscribers; shape ``(v,)``.
            slots: The packets; shape ``(p,)``.
            lengths: Of their payloads; shape ``(p,)``.

        Returns:
            Slots of shape ``(v, p)``.
        """
        words = header_words(headers)
        words[:, :, 1] |= self._table.rows["key_flags"][rows].astype(np.uint32)[:, None]
        shape = words.shape[:2]
        seqnos = words[:, :, 0].astype(np.int64).reshape(-1)
        keys = [self._keys[row] for row in rows.tolist()]
        sealed = seal(keys, [len(slots)] * len(keys), seqnos, store[slots], lengths, scratch=self._scratch)
        return SealedPackets(sealed, np.arange(len(seqnos)).reshape(shape))

    def seal_each(self, payloads: U8Array, headers: U8Array, rows: Rows, lengths: I64Array) -> SealedPackets:
        """Seal payload ``i`` for subscriber ``rows[i]``, and set the KK bits in its header.

        Args:
            payloads: One a row, as wide as whole blocks or wider; shape ``(n, w)``.
            headers: Shape ``(n, 16)``.
            rows: Shape ``(n,)``; one subscriber's packets may follow each other.
            lengths: Shape ``(n,)``.
        """
        words = header_words(headers)
        words[:, 1] |= self._table.rows["key_flags"][rows].astype(np.uint32)
        begins = np.flatnonzero(np.diff(rows, prepend=-1))
        counts = np.diff(begins, append=len(rows)).tolist()
        keys = [self._keys[row] for row in rows[begins].tolist()]
        store = seal(keys, counts, words[:, 0].astype(np.int64), payloads, lengths, scratch=self._scratch)
        return SealedPackets(store, np.arange(len(rows)))
