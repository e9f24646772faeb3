"""The ring: what it keeps, how it grows, what it refuses."""

import numpy as np
import pytest
from tests.support.fanout_tables import payload, ring_with

from headrace.fanout.ring import FIRST_CAPACITY_PACKETS, Ring
from headrace.srt.packet import MAX_PAYLOAD_BYTES


def held(ring: Ring, indices: range) -> list[int]:
    found: list[int] = ring.held(np.array(indices, np.int64)).tolist()
    return found


def test_an_empty_ring_has_no_slots_and_holds_nothing() -> None:
    ring = Ring()
    assert ring.capacity_packets == 0
    assert held(ring, range(3)) == []


def test_a_packet_is_found_by_its_index() -> None:
    ring = Ring()
    assert ring.put(1_000, payload(1_000), 77)
    assert ring.next_index == 1_001
    slot = int(ring.slots(np.array([1_000]))[0])
    assert ring.store[slot, : ring.lengths[slot]].tobytes() == payload(1_000).tobytes()
    assert ring.times_us[slot] == 77
    assert held(ring, range(998, 1_003)) == [1_000]


def test_a_packet_is_taken_once() -> None:
    ring = ring_with(range(3))
    assert not ring.put(1, payload(9), 0)
    slot = int(ring.slots(np.array([1]))[0])
    assert ring.store[slot, :8].tobytes() == (1).to_bytes(8, "big")


def test_what_comes_late_is_taken_into_its_gap() -> None:
    ring = ring_with(range(3))
    ring.put(5, payload(5), 5_000)
    assert ring.put(4, payload(4), 4_000)
    assert ring.next_index == 6
    assert held(ring, range(8)) == [0, 1, 2, 4, 5]


def test_held_keeps_the_order_of_the_question() -> None:
    ring = ring_with(range(4))
    assert ring.held(np.array([3, 9, 0, 2])).tolist() == [3, 0, 2]


def test_a_ring_grows_while_its_packets_are_young() -> None:
    ring = ring_with(range(FIRST_CAPACITY_PACKETS))
    assert ring.capacity_packets == FIRST_CAPACITY_PACKETS
    ring.put(FIRST_CAPACITY_PACKETS, payload(FIRST_CAPACITY_PACKETS), 256_000)
    assert ring.capacity_packets == 2 * FIRST_CAPACITY_PACKETS
    assert held(ring, range(300)) == list(range(257))
    slots = ring.slots(np.arange(257))
    assert [int.from_bytes(row[:8].tobytes(), "big") for row in ring.store[slots]] == list(range(257))
    assert ring.times_us[slots].tolist() == [1_000 * index for index in range(256)] + [256_000]
    assert set(ring.lengths[slots].tolist()) == {188}


def test_a_growing_ring_keeps_gaps_as_gaps() -> None:
    ring = Ring()
    odd = [*range(1, 256, 2), 257]
    for index in odd:
        ring.put(index, payload(index), 0)
    assert ring.capacity_packets == 2 * FIRST_CAPACITY_PACKETS
    assert held(ring, range(600)) == odd


@pytest.mark.parametrize(("age_us", "capacity"), [(999_999, 512), (1_000_000, 256)])
def test_a_slot_is_reused_when_its_packet_is_as_old_as_the_retention(age_us: int, capacity: int) -> None:
    ring = Ring(retention_us=1_000_000)
    for index in range(256):
        ring.put(index, payload(index), 0)
    ring.put(256, payload(256), age_us)
    assert ring.capacity_packets == capacity
    assert held(ring, range(2)) == ([0, 1] if capacity == 512 else [1])


def test_a_slow_channel_stays_small_for_ever() -> None:
    ring = Ring(retention_us=1_000_000)
    for index in range(5_000):
        ring.put(index, payload(index), index * 10_000)
    assert ring.capacity_packets == FIRST_CAPACITY_PACKETS
    assert held(ring, range(4_000, 5_000)) == list(range(5_000 - 256, 5_000))


def test_a_full_ring_of_the_largest_size_gives_up_its_oldest() -> None:
    ring = Ring(max_packets=512)
    for index in range(513):
        assert ring.put(index, payload(index), 0)
    assert ring.capacity_packets == 512
    assert held(ring, range(513)) == list(range(1, 513))


def test_a_ring_may_be_smaller_than_the_first_size() -> None:
    ring = Ring(max_packets=4)
    for index in range(9):
        ring.put(index, payload(index), 0)
    assert held(ring, range(9)) == [5, 6, 7, 8]


def test_what_is_older_than_all_slots_is_refused() -> None:
    ring = Ring(max_packets=4)
    ring.put(100, payload(100), 0)
    assert not ring.put(96, payload(96), 0)
    assert ring.put(97, payload(97), 0)


def test_a_leap_ahead_leaves_nothing_wrong_behind() -> None:
    ring = Ring(max_packets=4)
    for index in (0, 1, 2, 3, 1_000_001):
        ring.put(index, payload(index), 0)
    assert held(ring, range(4)) == [0, 2, 3]
    assert not ring.put(1, payload(1), 0)
    assert ring.next_index == 1_000_002


@pytest.mark.parametrize("length_bytes", [1, MAX_PAYLOAD_BYTES])
def test_payloads_of_all_lengths_fit(length_bytes: int) -> None:
    ring = Ring()
    ring.put(0, np.full(length_bytes, 7, np.uint8), 0)
    assert ring.lengths[0] == length_bytes
    assert ring.store[0, :length_bytes].tobytes() == b"\7" * length_bytes


def test_a_longer_payload_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="broadcast"):
        Ring().put(0, np.zeros(MAX_PAYLOAD_BYTES + 1, np.uint8), 0)


def test_rows_of_the_store_lie_one_after_another() -> None:
    assert ring_with(range(1)).store.flags.c_contiguous
