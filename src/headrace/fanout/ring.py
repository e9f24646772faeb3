"""The packets of one channel, kept once, whoever still needs them.

Source: ``docs/internals/architecture.md``, "one copy of the payload".
"""

from typing import Final

import numpy as np

from headrace.base.datagram_batch import BoolArray, I64Array, U8Array
from headrace.srt.packet import MAX_PAYLOAD_BYTES

FIRST_CAPACITY_PACKETS: Final = 256
"""A second of 2.5 Mbit/s: most channels never grow."""
DEFAULT_RETENTION_US: Final = 4_000_000
"""How long a packet can be asked for again: more than twice the largest latency in common use (2 s)."""
DEFAULT_MAX_PACKETS: Final = 32_768
"""46 MiB: 3.8 s at 100 Mbit/s."""
EMPTY: Final = -1


class Ring:
    """Payloads by packet index, in a power-of-two number of slots that grows with the rate.

    A slot is reused when it is older than the retention, or when the ring may not grow further.

    Args:
        retention_us: Age below which a packet is kept if at all possible.
        max_packets: Most slots, a power of two.

    Attributes:
        store: Payloads, a slot a row; shape ``(capacity, 1456)``, C-contiguous.
        lengths: Payload bytes of each slot; shape ``(capacity,)``.
        indices: Packet index in each slot, -1 where there is none; shape ``(capacity,)``.
        times_us: Channel time of each slot; shape ``(capacity,)``.
        late_us: When each slot's packet was sent on, if others had been before it; else 0; shape ``(capacity,)``.
        next_index: One past the newest packet put in.
    """

    __slots__ = (
        "_max_packets",
        "_retention_us",
        "indices",
        "late_us",
        "lengths",
        "next_index",
        "store",
        "times_us",
    )

    def __init__(self, retention_us: int = DEFAULT_RETENTION_US, max_packets: int = DEFAULT_MAX_PACKETS) -> None:
        self._retention_us = retention_us
        self._max_packets = max_packets
        self.next_index = 0
        self._allocate(0)

    def _allocate(self, capacity: int) -> None:
        self.store: U8Array = np.empty((capacity, MAX_PAYLOAD_BYTES), np.uint8)
        self.lengths: I64Array = np.zeros(capacity, np.int64)
        self.indices: I64Array = np.full(capacity, EMPTY, np.int64)
        self.times_us: I64Array = np.zeros(capacity, np.int64)
        self.late_us: I64Array = np.zeros(capacity, np.int64)

    @property
    def capacity_packets(self) -> int:
        """Number of slots now; 0 before the first packet."""
        return len(self.indices)

    def put(self, index: int, payload: U8Array, time_us: int) -> bool:
        """Keep one packet; return False if it is here already, or older than what the slots can hold.

        Args:
            index: Channel packet index, not negative.
            payload: 1 to 1456 bytes; shape ``(length,)``.
            time_us: Channel time of the packet.
        """
        slot = self._slot_for(index, time_us)
        if slot is None:
            return False
        self.store[slot, : len(payload)] = payload
        self.lengths[slot] = len(payload)
        self.indices[slot] = index
        self.times_us[slot] = time_us
        self.late_us[slot] = 0
        self.next_index = max(self.next_index, index + 1)
        return True

    def _slot_for(self, index: int, time_us: int) -> int | None:
        while True:
            capacity = self.capacity_packets
            if capacity == 0:
                self._allocate(min(FIRST_CAPACITY_PACKETS, self._max_packets))
                continue
            if index < self.next_index - capacity:
                return None
            slot = index & (capacity - 1)
            kept = int(self.indices[slot])
            if kept >= index:
                return None
            young = kept != EMPTY and time_us - int(self.times_us[slot]) < self._retention_us
            if not young or capacity >= self._max_packets:
                return slot
            self._grow(2 * capacity)

    def _grow(self, capacity: int) -> None:
        store, lengths, indices = self.store, self.lengths, self.indices
        times_us, late_us = self.times_us, self.late_us
        filled = np.flatnonzero(indices != EMPTY)
        self._allocate(capacity)
        slots = self.slots(indices[filled])
        self.store[slots] = store[filled]
        self.lengths[slots] = lengths[filled]
        self.indices[slots] = indices[filled]
        self.times_us[slots] = times_us[filled]
        self.late_us[slots] = late_us[filled]

    def slots(self, indices: I64Array) -> I64Array:
        """Return the slot of each packet index; shape as given. Meaningful for indices that are held."""
        return indices & (self.capacity_packets - 1)

    def held(self, indices: I64Array) -> I64Array:
        """Return those of ``indices`` that are here, in the order given; shape ``(k,)``."""
        held: I64Array = indices[self.holds(indices)]
        return held

    def holds(self, indices: I64Array) -> BoolArray:
        """Return whether each of ``indices`` is here; shape as given."""
        if self.capacity_packets == 0:
            return np.zeros(indices.shape, np.bool_)
        here: BoolArray = self.indices[self.slots(indices)] == indices
        return here
