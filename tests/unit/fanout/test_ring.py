"""The ring: what it keeps, how it grows, what it refuses."""

import numpy as np
import pytest
from tests.support.fanout_tables import payload, ring_with
from tests.support.scarce_memory import ScarceMemory

from headrace.fanout.ring import (
    DEFAULT_BACKLOG,
    DEFAULT_BACKLOG_BYTES,
    DEFAULT_MAX_PACKETS,
    FIRST_CAPACITY_PACKETS,
    GROW_AGAIN_US,
    NO_BACKLOG,
    BacklogLimit,
    Ring,
)
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


def backlog_ring(
    packets: int,
    *,
    begin: int = 0,
    backlog_us: int = 10_000_000,
    interval_us: int = 1_000,
    backlog_bytes: int = DEFAULT_BACKLOG_BYTES,
) -> Ring:
    """Return a ring of ``packets`` with a retention of 1 s, whose backlog begins with packet ``begin``."""
    ring = Ring(retention_us=1_000_000, backlog=BacklogLimit(backlog_us, backlog_bytes))
    for index in range(packets):
        ring.put(index, payload(index), index * interval_us)
        if index == begin:
            ring.backlog_index = begin
    return ring


def test_without_a_backlog_a_subscriber_starts_with_the_next_packet() -> None:
    assert Ring().start_index(0) == 0
    assert ring_with(range(7)).start_index(6_000) == 7


def test_a_subscriber_starts_with_the_backlog() -> None:
    assert backlog_ring(30, begin=4).start_index(30_000) == 4


@pytest.mark.parametrize(("age_us", "start"), [(9_999_999, 4), (10_000_000, 30)])
def test_a_backlog_as_old_as_the_limit_is_too_old(age_us: int, start: int) -> None:
    assert backlog_ring(30, begin=4).start_index(4_000 + age_us) == start


@pytest.mark.parametrize(("packets", "start"), [(DEFAULT_BACKLOG.packets, 5), (DEFAULT_BACKLOG.packets + 1, None)])
def test_a_backlog_of_more_packets_than_the_limit_is_too_long(packets: int, start: int | None) -> None:
    ring = backlog_ring(5 + packets, begin=5, interval_us=100)
    assert ring.start_index(5 + packets) == (ring.next_index if start is None else start)


def test_the_size_of_the_backlog_is_limited_in_bytes_of_full_packets() -> None:
    assert backlog_ring(20, begin=10, backlog_bytes=10 * 1316).start_index(20_000) == 10
    assert backlog_ring(20, begin=10, backlog_bytes=10 * 1316 - 1).start_index(20_000) == 20


def test_a_backlog_of_nothing_is_never_old_enough() -> None:
    ring = backlog_ring(30, begin=4, backlog_us=0)
    assert ring.start_index(4_000) == 30


def test_the_backlog_is_kept_beyond_the_retention_and_what_is_before_it_is_not() -> None:
    ring = backlog_ring(900, begin=100, interval_us=10_000)
    assert ring.capacity_packets == 1024
    assert held(ring, range(900)) == list(range(100, 900))
    ring.backlog_index = 850
    for index in range(900, 1124):
        ring.put(index, payload(index), index * 10_000)
    assert ring.capacity_packets == 1024
    assert held(ring, range(200)) == list(range(100, 200))


def test_a_backlog_that_is_too_old_or_too_long_makes_the_ring_grow_no_further() -> None:
    assert backlog_ring(5_000, interval_us=10_000).capacity_packets == 1024
    # 10 s of these are 10,000 packets, a retention 1000.
    assert backlog_ring(DEFAULT_BACKLOG.packets + 2_000).capacity_packets == 8192


def test_growing_keeps_the_backlog() -> None:
    ring = backlog_ring(300, begin=7)
    assert ring.capacity_packets == 512
    assert ring.start_index(300_000) == 7
    assert held(ring, range(7, 300)) == list(range(7, 300))


def test_a_backlog_whose_beginning_is_gone_is_none() -> None:
    ring = Ring(max_packets=4)
    for index in range(5):
        ring.put(index, payload(index), 0)
        ring.backlog_index = 0
    assert ring.start_index(0) == 5


@pytest.mark.parametrize(("lent_us", "capacity"), [(None, 256), (1_999_999, 512), (1_000_000, 256)])
def test_what_is_lent_is_kept_for_a_retention_although_it_is_no_backlog_any_more(
    lent_us: int | None, capacity: int
) -> None:
    ring = Ring(retention_us=1_000_000)
    for index in range(256):
        ring.put(index, payload(index), 0)
    if lent_us is not None:
        ring.lend(0, lent_us)
    ring.backlog_index = 255
    ring.put(256, payload(256), 2_000_000)
    assert ring.capacity_packets == capacity


@pytest.mark.parametrize(("time_us", "kept"), [(1_499_999, [0, 1]), (1_500_000, [1])])
def test_two_loans_keep_each_what_it_needs(time_us: int, kept: list[int]) -> None:
    ring = Ring(retention_us=1_000_000)
    for index in range(256):
        ring.put(index, payload(index), 0)
    ring.lend(0, 500_000)
    ring.lend(200, 1_200_000)
    ring.put(256, payload(256), time_us)
    assert held(ring, range(2)) == kept


def test_a_loan_that_is_renewed_for_ever_keeps_nothing_for_ever() -> None:
    ring = Ring(retention_us=1_000_000, backlog=BacklogLimit(2_000_000))
    for index in range(5_000):
        ring.lend(0, index * 10_000)
        ring.put(index, payload(index), index * 10_000)
    assert ring.capacity_packets == 512


def test_where_somebody_joins_every_moment_no_more_is_kept_than_each_may_ask_for_again() -> None:
    ring = Ring(retention_us=1_000_000, backlog=BacklogLimit(10_000_000))
    for index in range(3_000):
        keyframe = index // 100 * 100
        ring.put(index, payload(index), index * 10_000)
        ring.backlog_index = keyframe
        ring.lend(keyframe, index * 10_000)
        oldest_lent = max(0, index - 100) // 100 * 100
        assert ring.holds(np.arange(oldest_lent, index + 1)).all()
    assert ring.capacity_packets == 256


@pytest.mark.parametrize("is_late", [False, True])
def test_without_memory_to_grow_the_newest_packets_are_kept(
    monkeypatch: pytest.MonkeyPatch, *, is_late: bool
) -> None:
    memory = ScarceMemory(monkeypatch, FIRST_CAPACITY_PACKETS, is_late=is_late)
    ring = ring_with(range(FIRST_CAPACITY_PACKETS + 1))
    assert ring.holds(np.arange(1, FIRST_CAPACITY_PACKETS + 1)).all()
    assert ring.store[1, : ring.lengths[1]].tobytes() == payload(1).tobytes()
    for index in range(FIRST_CAPACITY_PACKETS + 1, 3 * FIRST_CAPACITY_PACKETS):
        assert ring.put(index, payload(index), index * 1_000)
    assert ring.capacity_packets == FIRST_CAPACITY_PACKETS
    newest = np.arange(2 * FIRST_CAPACITY_PACKETS, 3 * FIRST_CAPACITY_PACKETS)
    assert ring.holds(newest).all()
    assert (ring.failed_growths, memory.asked) == (1, 1)


def test_where_there_was_no_memory_it_is_asked_for_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = ScarceMemory(monkeypatch, FIRST_CAPACITY_PACKETS)
    ring = ring_with(range(FIRST_CAPACITY_PACKETS + 1))
    memory.capacity = 1 << 20
    failed_us = FIRST_CAPACITY_PACKETS * 1_000
    for index, time_us in enumerate(range(failed_us + 1_000, failed_us + GROW_AGAIN_US, 10_000), 1):
        ring.put(FIRST_CAPACITY_PACKETS + index, payload(index), time_us)
        assert ring.capacity_packets == FIRST_CAPACITY_PACKETS
    ring.put(ring.next_index, payload(0), failed_us + GROW_AGAIN_US)
    assert ring.capacity_packets == 2 * FIRST_CAPACITY_PACKETS


def test_a_ring_for_which_there_is_no_memory_at_all_says_so_and_takes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    memory = ScarceMemory(monkeypatch, 0)
    ring = Ring()
    assert not ring.prepare()
    assert not ring.put(0, payload(0), 0)
    memory.capacity = FIRST_CAPACITY_PACKETS
    assert ring.prepare()
    assert ring.put(0, payload(0), 0)


@pytest.mark.parametrize("interval_us", [0, 100])
def test_the_most_that_a_ring_holds_is_46_mebibytes_whatever_its_producer_does(interval_us: int) -> None:
    ring = Ring()
    made = payload(0, 1456)
    for index in range(DEFAULT_MAX_PACKETS):
        ring.put(index, made, index * interval_us)
    assert ring.capacity_packets == DEFAULT_MAX_PACKETS
    for index in range(DEFAULT_MAX_PACKETS, DEFAULT_MAX_PACKETS + 300):
        ring.put(index, made, index * interval_us)
    assert ring.capacity_packets == DEFAULT_MAX_PACKETS
    assert ring.store.nbytes <= 46 << 20
    columns = (ring.lengths, ring.indices, ring.times_us, ring.late_us)
    assert sum(column.nbytes for column in columns) == 1 << 20


@pytest.mark.parametrize(
    ("latency_us", "kept_us"),
    [(0, 4_000_000), (3_000_000, 4_000_000), (8_000_000, 9_000_000), (1 << 40, 10_000_000)],
)
def test_packets_are_kept_for_as_long_as_the_longest_latency_asks_for_them(latency_us: int, kept_us: int) -> None:
    ring = Ring(backlog=NO_BACKLOG)
    ring.retain(latency_us)
    ring.retain(0)
    for index in range(FIRST_CAPACITY_PACKETS):
        ring.put(index, payload(index), 0)
    ring.put(FIRST_CAPACITY_PACKETS, payload(0), kept_us - 1)
    assert ring.capacity_packets == 2 * FIRST_CAPACITY_PACKETS
    for index in range(FIRST_CAPACITY_PACKETS + 1, 2 * FIRST_CAPACITY_PACKETS + 1):
        ring.put(index, payload(index), kept_us)
    assert ring.capacity_packets == 2 * FIRST_CAPACITY_PACKETS


def put_run(ring: Ring, indices: range, time_us: int = 0) -> bool:
    rows = np.stack([payload(index) for index in indices])
    return ring.put_run(indices.start, rows, [rows.shape[1]] * len(indices), [time_us] * len(indices))


def test_a_run_goes_into_free_slots_at_once() -> None:
    ring = Ring()
    assert ring.prepare()
    assert put_run(ring, range(3, 9), 7)
    assert ring.next_index == 9
    assert held(ring, range(12)) == [3, 4, 5, 6, 7, 8]
    assert ring.times_us[3:9].tolist() == [7] * 6
    assert ring.store[8, :8].tobytes() == payload(8)[:8].tobytes()


@pytest.mark.parametrize(
    ("indices", "time_us"),
    [
        (range(4, 9), 0),
        (range(FIRST_CAPACITY_PACKETS - 3, FIRST_CAPACITY_PACKETS + 1), 0),
        (range(FIRST_CAPACITY_PACKETS, FIRST_CAPACITY_PACKETS + 3), 1_999),
    ],
)
def test_a_run_for_which_each_packet_is_to_be_looked_at_changes_nothing(indices: range, time_us: int) -> None:
    ring = Ring(2_000)
    for index in range(5):
        ring.put(index, payload(index), 0)
    assert not put_run(ring, indices, time_us)
    assert (ring.next_index, ring.capacity_packets) == (5, FIRST_CAPACITY_PACKETS)
    assert held(ring, range(600)) == [0, 1, 2, 3, 4]


def test_a_run_takes_the_slots_of_what_nobody_wants_any_more() -> None:
    ring = Ring(2_000)
    for index in range(5):
        ring.put(index, payload(index), 0)
    indices = range(FIRST_CAPACITY_PACKETS + 1, FIRST_CAPACITY_PACKETS + 4)
    assert put_run(ring, indices, 2_000)
    assert held(ring, range(600)) == [0, 4, *indices]


@pytest.mark.parametrize(("backlog_index", "is_kept"), [(None, False), (1, True), (3, True), (4, False)])
def test_a_run_leaves_alone_what_somebody_may_start_with(backlog_index: int | None, *, is_kept: bool) -> None:
    ring = Ring(2_000, backlog=BacklogLimit(10_000, 1316 * 600))
    for index in range(5):
        ring.put(index, payload(index), 0)
    ring.backlog_index = backlog_index
    indices = range(FIRST_CAPACITY_PACKETS + 1, FIRST_CAPACITY_PACKETS + 4)
    assert put_run(ring, indices, 2_000) is not is_kept


@pytest.mark.parametrize(("begin", "time_us", "is_kept"), [(3, 2_999, True), (4, 2_999, False), (3, 3_000, False)])
def test_a_run_leaves_alone_what_is_lent(begin: int, time_us: int, *, is_kept: bool) -> None:
    ring = Ring(2_000)
    for index in range(5):
        ring.put(index, payload(index), 0)
    ring.lend(begin, 1_000)
    indices = range(FIRST_CAPACITY_PACKETS + 1, FIRST_CAPACITY_PACKETS + 4)
    assert put_run(ring, indices, time_us) is not is_kept


def test_a_run_is_not_late_where_what_had_its_slots_was() -> None:
    ring = Ring(2_000)
    ring.put(1, payload(1), 0)
    ring.late_us[1] = 9
    assert put_run(ring, range(FIRST_CAPACITY_PACKETS, FIRST_CAPACITY_PACKETS + 3), 2_000)
    assert not ring.late_us.any()
