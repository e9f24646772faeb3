"""The packets of one channel, kept once, whoever still needs them.

Source: ``docs/internals/architecture.md``, "one copy of the payload".
"""

from typing import Final, NamedTuple

import numpy as np

from headrace.base.datagram_batch import BoolArray, I64Array, U8Array
from headrace.srt.packet import MAX_PAYLOAD_BYTES

FIRST_CAPACITY_PACKETS: Final = 256
"""A second of 2.5 Mbit/s: most channels never grow."""
DEFAULT_RETENTION_US: Final = 4_000_000
"""How long a packet can be asked for again: more than twice the largest latency in common use (2 s)."""
MAX_RETENTION_US: Final = 10_000_000
"""For the longest latency that can be set (8 s); a ring never has more than its slots all the same."""
RESEND_WAY_US: Final = 1_000_000
"""A loss report takes a way, and what was late on the first hop was late in the ring too."""
DEFAULT_MAX_PACKETS: Final = 32_768
"""46 MiB: 3.8 s at 100 Mbit/s."""
DEFAULT_BACKLOG_AGE_US: Final = 10_000_000
"""How far back a new subscriber may start: the longest keyframe interval in common use (x264: 250 frames)."""
DEFAULT_BACKLOG_BYTES: Final = 9_000_000
"""libsrt's receivers hold 8192 packets by default, which are 10.8 MB; the rest is for what comes meanwhile."""
PACKET_BYTES: Final = 1316
"""What all encoders put into a packet: seven transport packets."""
GROW_AGAIN_US: Final = 10_000_000
"""Where there was no memory to grow, it is asked for again after so long: asking at each packet takes time."""
LOANS_PER_RETENTION: Final = 8
"""Loans of an eighth of a retention are one: a single loan for all would never end where somebody joins every
moment, and the ring be twice as large."""
EMPTY: Final = -1


class _Loan(NamedTuple):
    """Packets from ``begin`` on are needed until ``until_us`` by who was sent them since ``since_us``."""

    begin: int
    since_us: int
    until_us: int


class BacklogLimit(NamedTuple):
    """How much a new subscriber may be sent of what there was before it came.

    Attributes:
        age_us: How far back it may start; 0 lets everybody start with the next packet.
        size_bytes: How much may lie between, in full packets.
    """

    age_us: int = DEFAULT_BACKLOG_AGE_US
    size_bytes: int = DEFAULT_BACKLOG_BYTES

    @property
    def packets(self) -> int:
        """The size in packets."""
        return self.size_bytes // PACKET_BYTES


DEFAULT_BACKLOG: Final = BacklogLimit()
NO_BACKLOG: Final = BacklogLimit(0)


class Ring:
    """Payloads by packet index, in a power-of-two number of slots that grows with the rate.

    A slot is reused when it is older than the retention and nobody is to start with it, or when the ring may not
    grow further: it has its most slots, or there is no memory for more.

    Args:
        retention_us: Age below which a packet is kept if at all possible.
        max_packets: Most slots, a power of two.
        backlog: Limits below which the backlog is kept.

    Attributes:
        store: Payloads, a slot a row; shape ``(capacity, 1456)``, C-contiguous.
        lengths: Payload bytes of each slot; shape ``(capacity,)``.
        indices: Packet index in each slot, -1 where there is none; shape ``(capacity,)``.
        times_us: Channel time of each slot; shape ``(capacity,)``.
        late_us: When each slot's packet was sent on, if others had been before it; else 0; shape ``(capacity,)``.
        next_index: One past the newest packet put in.
        backlog_index: Where new subscribers are to start; from here on packets are kept for them. None for none.
        failed_growths: How often there was no memory for as many slots as were wanted.
    """

    __slots__ = (
        "_backlog",
        "_grow_again_us",
        "_loans",
        "_max_packets",
        "_retention_us",
        "backlog_index",
        "failed_growths",
        "indices",
        "late_us",
        "lengths",
        "next_index",
        "store",
        "times_us",
    )

    def __init__(
        self,
        retention_us: int = DEFAULT_RETENTION_US,
        max_packets: int = DEFAULT_MAX_PACKETS,
        backlog: BacklogLimit = DEFAULT_BACKLOG,
    ) -> None:
        self._retention_us = retention_us
        self._max_packets = max_packets
        self._backlog = backlog
        self._loans: list[_Loan] = []
        self._grow_again_us: int | None = None
        self.failed_growths = 0
        self.backlog_index: int | None = None
        self.next_index = 0
        self._allocate(0)

    def _allocate(self, capacity: int) -> None:
        """Make all slots anew, or none of them.

        Raises:
            MemoryError: There is not enough; everything is as it was.
        """
        store: U8Array = np.empty((capacity, MAX_PAYLOAD_BYTES), np.uint8)
        columns: I64Array = np.zeros((4, capacity), np.int64)
        self.store = store
        self.lengths, self.indices, self.times_us, self.late_us = columns
        self.indices[:] = EMPTY

    def prepare(self) -> bool:
        """Have slots for the first packets; return False if there is no memory for them."""
        if self.capacity_packets:
            return True
        try:
            self._allocate(min(FIRST_CAPACITY_PACKETS, self._max_packets))
        except MemoryError:
            return False
        return True

    @property
    def capacity_packets(self) -> int:
        """Number of slots now; 0 before the first packet."""
        return len(self.indices)

    def put(self, index: int, payload: U8Array, time_us: int) -> bool:
        """Keep one packet; return False if it is here already, older than what the slots can hold, or has no slot.

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

    def put_run(self, first_index: int, payloads: U8Array, lengths: list[int], times_us: list[int]) -> bool:
        """Keep consecutive packets, or change nothing and return False, as each is to be `put`.

        That is so where they are not newer than all here, go past the last slot, or may need more slots.

        Args:
            first_index: Channel packet index of the first.
            payloads: One a row, as wide as the longest or wider; shape ``(n, w)``.
            lengths: Bytes used of each row, 1 to 1456.
            times_us: Channel time of each.
        """
        packets = len(lengths)
        begin = first_index & (self.capacity_packets - 1)
        end = begin + packets
        if first_index < self.next_index or end > self.capacity_packets or self._wants_any(begin, end, times_us):
            return False
        widest = max(lengths)
        self.store[begin:end, :widest] = payloads[:, :widest]
        self.lengths[begin:end] = lengths
        self.indices[begin:end] = np.arange(first_index, first_index + packets)
        self.times_us[begin:end] = times_us
        self.late_us[begin:end] = 0
        self.next_index = first_index + packets
        return True

    def _wants_any(self, begin: int, end: int, times_us: list[int]) -> bool:
        """Return whether any slot from ``begin`` to before ``end`` may be wanted still, and another be had."""
        if self.capacity_packets >= self._max_packets:
            return False
        newest = max(self.indices[begin:end].tolist())
        if newest == EMPTY:
            return False
        time_us = min(times_us)
        if time_us - max(self.times_us[begin:end].tolist()) < self._retention_us:
            return True
        if self.backlog_index is not None and newest >= self.backlog_index:
            return True
        return any(newest >= loan.begin and time_us < loan.until_us for loan in self._loans)

    def _slot_for(self, index: int, time_us: int) -> int | None:
        while True:
            capacity = self.capacity_packets
            if capacity == 0:
                if not self.prepare():
                    return None
                continue
            if index < self.next_index - capacity:
                return None
            slot = index & (capacity - 1)
            kept = int(self.indices[slot])
            if kept >= index:
                return None
            if capacity >= self._max_packets or not self._is_wanted(kept, int(self.times_us[slot]), time_us):
                return slot
            if not self._try_to_grow(2 * capacity, time_us):
                return slot

    def _is_wanted(self, index: int, kept_us: int, time_us: int) -> bool:
        if index == EMPTY:
            return False
        age_us = time_us - kept_us
        if age_us < self._retention_us:
            return True
        begin = self.backlog_index
        if begin is not None and index >= begin and self.next_index - begin <= self._backlog.packets:
            is_backlog = age_us < self._backlog.age_us
        else:
            is_backlog = False
        is_lent = any(index >= loan.begin and time_us < loan.until_us for loan in self._loans)
        return is_backlog or (is_lent and age_us < self._backlog.age_us + self._retention_us)

    def start_index(self, time_us: int) -> int:
        """Return with which packet a subscriber that joins at channel time ``time_us`` starts.

        It is the beginning of the backlog, if all of it is young and small enough, else the next packet to come.
        """
        begin = self.backlog_index
        if begin is None or self.next_index - begin > self._backlog.packets:
            return self.next_index
        slot = begin & (self.capacity_packets - 1)
        is_young = self.indices[slot] == begin and time_us - int(self.times_us[slot]) < self._backlog.age_us
        return begin if is_young else self.next_index

    def retain(self, latency_us: int) -> None:
        """Keep packets for as long as somebody with this latency can ask for them, if at all possible."""
        self._retention_us = max(self._retention_us, min(latency_us + RESEND_WAY_US, MAX_RETENTION_US))

    def lend(self, index: int, time_us: int) -> None:
        """Keep packets from ``index`` on for a retention from now: somebody is sent them now, and may ask again.

        Without this they would be the backlog's no more as soon as the next keyframe comes.
        """
        loans = [loan for loan in self._loans if time_us < loan.until_us]
        since_us = time_us
        if loans and time_us - loans[-1].since_us < self._retention_us // LOANS_PER_RETENTION:
            newest = loans.pop()
            index, since_us = min(index, newest.begin), newest.since_us
        self._loans = [*loans, _Loan(index, since_us, time_us + self._retention_us)]

    def _try_to_grow(self, capacity: int, time_us: int) -> bool:
        """Have ``capacity`` slots, and say whether that went well; after a failure try no more for a while."""
        if self._grow_again_us is not None and time_us < self._grow_again_us:
            return False
        try:
            self._grow(capacity)
        except MemoryError:
            self.failed_growths += 1
            self._grow_again_us = time_us + GROW_AGAIN_US
            return False
        return True

    def _grow(self, capacity: int) -> None:
        """Have ``capacity`` slots with what is held now, or all as it was.

        Raises:
            MemoryError: There is not enough for the slots, or for what is moved.
        """
        before = self.store, self.lengths, self.indices, self.times_us, self.late_us
        store, lengths, indices, times_us, late_us = before
        try:
            filled = np.flatnonzero(indices != EMPTY)
            self._allocate(capacity)
            slots = self.slots(indices[filled])
            self.store[slots] = store[filled]
            self.lengths[slots] = lengths[filled]
            self.indices[slots] = indices[filled]
            self.times_us[slots] = times_us[filled]
            self.late_us[slots] = late_us[filled]
        except MemoryError:
            self.store, self.lengths, self.indices, self.times_us, self.late_us = before
            raise

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
