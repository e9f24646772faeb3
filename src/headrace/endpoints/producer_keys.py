"""Opens what producers have sealed: all packets of a batch at once, in place, before anybody looks at them.

Source: ``docs/decisions/0017-encryption.md``.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import numpy as np

from headrace.base.datagram_batch import I64Array, U32Array
from headrace.endpoints.packet_columns import PacketColumns
from headrace.fanout.own_keys import KEY_FLAGS_SHIFT
from headrace.fanout.sealing import BLOCK_BYTES, SealingKey, block_count, key_streams
from headrace.fanout.subscriber_table import Rows
from headrace.srt.key_exchange import OpeningKeys
from headrace.srt.packet import CONTROL_BIT, HEADER_BYTES, KEY_FLAGS, MAX_PAYLOAD_BYTES, ControlType
from headrace.srt.session_keys import Parity, SessionKeys

_WORD_BYTES: Final = 8
_HEADER_WORDS: Final = HEADER_BYTES // _WORD_BYTES
_WORDS_A_BLOCK: Final = BLOCK_BYTES // _WORD_BYTES
_KEY_FLAGS: Final = np.uint32(KEY_FLAGS)
_PARITY_SHIFT: Final = np.uint32(KEY_FLAGS_SHIFT)
_CONTROL_BIT: Final = np.uint32(CONTROL_BIT)


class _Producer:
    """The keys of one producer's connection, made ready when they are needed for the first time."""

    __slots__ = ("_made", "_opening", "_ready")

    def __init__(self, opening: OpeningKeys) -> None:
        self._opening = opening
        self._made: SessionKeys | None = None
        self._ready: dict[int, SealingKey] = {}

    def key(self, parity: int) -> SealingKey | None:
        keys = self._opening.keys
        if keys is not self._made:
            found = {parity: keys.key(parity) for parity in Parity}
            self._ready = {parity: SealingKey(key, keys.salt) for parity, key in found.items() if key}
            self._made = keys
        return self._ready.get(parity)


class ProducerKeys:
    """What the packets of those producers that encrypt are opened with.

    Args:
        ignored: Counts what cannot be opened, by reason.
    """

    __slots__ = ("_ignored", "_producers")

    def __init__(self, ignored: Counter[str]) -> None:
        self._ignored = ignored
        self._producers: dict[int, _Producer] = {}

    def __len__(self) -> int:
        return len(self._producers)

    def add(self, socket_id: int, opening: OpeningKeys) -> None:
        """Open what comes for our ``socket_id`` with the keys that its connection has."""
        self._producers[socket_id] = _Producer(opening)

    def discard(self, socket_id: int) -> None:
        """Forget a connection, whether it has keys or not."""
        self._producers.pop(socket_id, None)

    def parts(self, packets: PacketColumns, rows: Rows) -> Iterator[Rows]:
        """Yield the packets at ``rows`` in parts, those of each opened, as soon as the part before has been taken.

        A part ends where somebody announces a key: what follows may be sealed with it. What an encrypted
        connection has no key for is left out: it has overtaken its key, is lost, and will be asked for again.
        """
        if not self._producers:
            yield rows
            return
        announcements = np.flatnonzero(packets.control_type[rows] == ControlType.USER_DEFINED) + 1
        for begin, end in pairwise([0, *announcements.tolist(), len(rows)]):
            if end > begin:
                yield self._open(packets, rows[begin:end])

    def _open(self, packets: PacketColumns, rows: Rows) -> Rows:
        """Open what is sealed at ``rows``; return those without what cannot be opened."""
        words, lengths = packets.words[rows], packets.lengths[rows] - HEADER_BYTES
        is_sealed = (words[:, 1] & _KEY_FLAGS != 0) & (words[:, 0] < _CONTROL_BIT)
        is_sealed &= (lengths > 0) & (lengths <= MAX_PAYLOAD_BYTES)
        places = np.flatnonzero(is_sealed)
        if not len(places):
            return rows
        keys: list[SealingKey] = []
        opened: list[I64Array] = []
        lost: list[I64Array] = []
        for run in _runs(words[places], places):
            word, socket_id = int(words[run[0], 1]), int(words[run[0], 3])
            producer = self._producers.get(socket_id)
            key = None if producer is None else producer.key((word & KEY_FLAGS) >> KEY_FLAGS_SHIFT)
            if key is not None:
                keys.append(key)
                opened.append(run)
            elif producer is not None:
                lost.append(run)
        if keys:
            counts, which = [len(run) for run in opened], np.concatenate(opened)
            _open_in_place(packets, rows[which], lengths[which], keys, counts)
        if not lost:
            return rows
        gone = np.concatenate(lost)
        self._ignored["no_such_key"] += len(gone)
        return np.delete(rows, gone)


def _runs(words: U32Array, places: I64Array) -> Iterator[I64Array]:
    """Yield the places of packets in a row that have one destination and one key."""
    names = words[:, 3].astype(np.int64) << 2 | (words[:, 1] & _KEY_FLAGS) >> _PARITY_SHIFT
    begins = np.flatnonzero(np.diff(names, prepend=-1)).tolist()
    for begin, end in pairwise([*begins, len(places)]):
        yield places[begin:end]


def _open_in_place(
    packets: PacketColumns,
    rows: Rows,
    lengths: I64Array,
    keys: list[SealingKey],
    counts: list[int],
) -> None:
    blocks = block_count(lengths)
    seqnos = packets.words[rows, 0].astype(np.int64)
    streams = key_streams(keys, counts, seqnos, blocks)
    data = packets.data.view(np.uint64)[:, _HEADER_WORDS : _HEADER_WORDS + blocks * _WORDS_A_BLOCK]
    first, last = int(rows[0]), int(rows[-1])
    if last - first + 1 == len(rows):
        data[first : last + 1] ^= streams
    else:
        data[rows] ^= streams
