"""A channel's packets sealed once, for all subscribers that share one key: a store beside the ring.

A packet is sealed when somebody is sent it for the first time, and stays sealed in the slot that it has in the
ring. What is sent again is the same bytes.

Source: ``docs/decisions/0017-encryption.md``.
"""

import numpy as np

from headrace.base.datagram_batch import I64Array, U8Array
from headrace.base.seqno import SEQNO_MASK
from headrace.fanout.own_keys import KEY_FLAGS_SHIFT, SealedPackets, header_words
from headrace.fanout.ring import EMPTY, Ring
from headrace.fanout.sealing import SealingKey, seal
from headrace.srt.packet import MAX_PAYLOAD_BYTES
from headrace.srt.session_keys import Parity


class SharedSeal:
    """Sealed payloads of one ring. The ring's limits are its own.

    Args:
        ring: The clear payloads.
        seqno_offset: Wire sequence number = packet index + offset, for everybody who shares.

    Attributes:
        seqno_offset: As given.
        store: A payload in each slot; shape ``(capacity, 1456)``, C-contiguous.
        key_flags: KK bits of each slot's packet; shape ``(capacity,)``.
        sealed_packets: How many were sealed so far.
    """

    __slots__ = ("_indices", "_key", "_parity", "_ring", "key_flags", "sealed_packets", "seqno_offset", "store")

    def __init__(self, ring: Ring, seqno_offset: int, key: SealingKey, parity: Parity) -> None:
        self.seqno_offset = seqno_offset
        self.sealed_packets = 0
        self._ring = ring
        self._key = key
        self._parity = parity
        self.store: U8Array = np.empty((0, MAX_PAYLOAD_BYTES), np.uint8)
        self.key_flags: I64Array = np.zeros(0, np.int64)
        self._indices: I64Array = np.zeros(0, np.int64)

    def use(self, key: SealingKey, parity: Parity) -> None:
        """Seal with ``key`` from now on; what is sealed stays as it is."""
        self._key, self._parity = key, parity

    def unseal(self, parity: Parity) -> None:
        """Forget what was sealed with the key of this parity, which is about to be replaced."""
        self._indices[self.key_flags == parity << KEY_FLAGS_SHIFT] = EMPTY

    def seal(self, headers: U8Array, slots: I64Array) -> SealedPackets:
        """Return the packets in these slots of the ring sealed, and set the KK bits in their headers.

        Args:
            headers: Shape ``(p, 16)``, or of several subscribers ``(v, p, 16)``.
            slots: Shape ``(p,)``.
        """
        words = header_words(headers)
        if not self._reserve():
            # Sealed for this once.
            words[..., 1] |= self._parity << KEY_FLAGS_SHIFT
            return SealedPackets(self._seal(slots), np.arange(len(slots)))
        is_new = self._indices[slots] != self._ring.indices[slots]
        if is_new.any():
            self._keep(np.unique(slots[is_new]))
        words[..., 1] |= self.key_flags[slots].astype(np.uint32)
        return SealedPackets(self.store, slots)

    def _keep(self, slots: I64Array) -> None:
        sealed = self._seal(slots)
        self.store[slots, : sealed.shape[1]] = sealed
        self.key_flags[slots] = self._parity << KEY_FLAGS_SHIFT
        self._indices[slots] = self._ring.indices[slots]

    def _seal(self, slots: I64Array) -> U8Array:
        ring = self._ring
        seqnos = (ring.indices[slots] + self.seqno_offset) & SEQNO_MASK
        self.sealed_packets += len(slots)
        return seal([self._key], [len(slots)], seqnos, ring.store[slots], ring.lengths[slots])

    def _reserve(self) -> bool:
        """Have a place for each slot of the ring; return False if there is no memory for them."""
        capacity = self._ring.capacity_packets
        if len(self._indices) == capacity:
            return True
        try:
            self.store = np.empty((capacity, MAX_PAYLOAD_BYTES), np.uint8)
            self.key_flags, self._indices = np.zeros(capacity, np.int64), np.full(capacity, EMPTY, np.int64)
        except MemoryError:
            return False
        return True
