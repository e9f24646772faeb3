"""What loss reports are answered with."""

import time

import numpy as np
import pytest
from tests.support.fanout_tables import payload, ring_with, subscribe

from headrace.fanout.loss_columns import LossSpans, to_channel_indices
from headrace.fanout.resends import (
    MAX_DROP_REQUESTS_PER_REPORT,
    MAX_REMEMBERED_PACKETS,
    MAX_RESENDS_PER_REPORT_PACKETS,
    LossAnswers,
    LossSource,
    ResendMemory,
    answer_loss_reports,
    totals_before,
)
from headrace.fanout.ring import Ring
from headrace.fanout.subscriber_table import SubscriberTable

WRAP = 1 << 31
RTT_US = 50_000


def answers(spans: LossSpans, *sources: tuple[Ring, int], channels: list[int] | None = None) -> LossAnswers:
    """Answer reports of channel packets, each of another subscriber."""
    reports = int(spans.report.max(initial=-1)) + 1
    return answer_loss_reports(
        spans,
        subscribers=np.arange(reports),
        channels=np.array(channels or [0] * reports, np.intp),
        sources=[LossSource(*source) for source in sources],
    )


def spans_of(*ranges: tuple[int, int, int]) -> LossSpans:
    """Return ranges, each given as report, first and last."""
    columns = np.array(ranges, np.int64).reshape(-1, 3)
    return LossSpans(columns[:, 0], columns[:, 1], columns[:, 2])


def answer(
    ring: Ring,
    *ranges: tuple[int, int],
    offset: int = 0,
    start: int = 0,
    next_index: int | None = None,
    hopeless: int = 0,
) -> tuple[list[int], list[tuple[int, int]]]:
    """Answer one report of ``ranges`` of channel indices."""
    table = SubscriberTable()
    row = subscribe(table, 1, send_seqno=offset)
    table.rows["start_index"][row] = start
    table.rows["next_index"][row] = ring.next_index if next_index is None else next_index
    wire = spans_of(*((0, (first + offset) % WRAP, (last + offset) % WRAP) for first, last in ranges))
    made = answers(to_channel_indices(wire, np.array([row]), table), (ring, hopeless))
    return made.packet_index.tolist(), list(zip(made.gone.first.tolist(), made.gone.last.tolist(), strict=True))


def test_what_is_held_is_sent_again() -> None:
    assert answer(ring_with(range(100)), (10, 12), (50, 50)) == ([10, 11, 12, 50], [])


@pytest.mark.parametrize("offset", [-90, WRAP - 50, WRAP - 1, 5 * WRAP + 7, -3 * WRAP])
def test_sequence_numbers_are_the_subscriber_s_own_and_may_wrap(offset: int) -> None:
    assert answer(ring_with(range(100)), (40, 60), offset=offset) == (list(range(40, 61)), [])


def test_nothing_from_before_a_subscriber_or_after_what_it_was_sent_is_given() -> None:
    ring = ring_with(range(100))
    assert answer(ring, (0, 99), start=95, next_index=98) == ([95, 96, 97], [])
    assert answer(ring, (98, 99), next_index=98, hopeless=100) == ([], [])
    assert answer(ring, (0, 94), start=95, hopeless=100) == ([], [])


def test_what_the_channel_waits_for_itself_is_not_answered() -> None:
    ring = ring_with(range(10))
    ring.put(20, payload(20), 0)
    assert answer(ring, (10, 19), hopeless=10) == ([], [])


def test_what_will_never_come_is_said_to_be_gone() -> None:
    ring = ring_with(range(10))
    ring.put(20, payload(20), 0)
    assert answer(ring, (10, 19), hopeless=20) == ([], [(10, 19)])


def test_of_a_range_that_is_partly_hopeless_that_part_is_gone() -> None:
    ring = ring_with(range(10))
    ring.put(20, payload(20), 0)
    assert answer(ring, (10, 19), hopeless=15) == ([], [(10, 14)])


def test_a_range_of_which_something_is_held_is_first_sent_and_then_asked_for_again() -> None:
    ring = ring_with(range(10))
    ring.put(20, payload(20), 0)
    assert answer(ring, (8, 19), hopeless=20) == ([8, 9], [])
    assert answer(ring, (10, 19), hopeless=20) == ([], [(10, 19)])


def test_what_the_ring_has_reused_is_gone() -> None:
    ring = Ring(max_packets=16)
    for index in range(100):
        ring.put(index, payload(index), 0)
    assert answer(ring, (3, 5), hopeless=100) == ([], [(3, 5)])


def test_a_report_of_many_hopeless_packets_gets_a_few_drop_requests() -> None:
    ring = ring_with(range(0, 200, 2))
    holes = [(2 * n + 1, 2 * n + 1) for n in range(60)]
    assert answer(ring, *holes, hopeless=200)[1] == holes[:MAX_DROP_REQUESTS_PER_REPORT]


def test_a_report_gets_256_packets_and_no_more() -> None:
    ring = ring_with(range(1_000))
    limit = MAX_RESENDS_PER_REPORT_PACKETS
    assert answer(ring, (0, limit - 1))[0] == list(range(limit))
    assert answer(ring, (0, limit))[0] == list(range(limit))
    assert answer(ring, *((3 * n, 3 * n + 1) for n in range(200)))[0][-1] == 3 * 127 + 1
    assert len(answer(ring, (0, 200), (300, 900), (950, 960))[0]) == limit


def test_behind_a_long_hole_nothing_that_is_held_is_said_to_be_gone() -> None:
    ring = ring_with(range(600))
    for index in range(900, 1_000):
        ring.put(index, payload(index), 0)
    looked_at = MAX_RESENDS_PER_REPORT_PACKETS
    assert answer(ring, (600, 950), hopeless=1_000) == ([], [(600, 599 + looked_at)])
    assert answer(ring, (600 + looked_at, 950), hopeless=1_000) == (list(range(900, 951)), [])
    assert answer(ring, (600 + looked_at, 899), hopeless=1_000) == ([], [(600 + looked_at, 899)])


def test_reversed_ranges_are_nothing() -> None:
    assert answer(ring_with(range(100)), (50, 40), hopeless=100) == ([], [])


def test_an_empty_channel_answers_nothing() -> None:
    assert answer(Ring(), (0, 5), next_index=0) == ([], [])
    assert answer(ring_with(range(5))) == ([], [])


def test_a_hostile_batch_of_2_to_the_30_packets_in_every_range_is_cheap() -> None:
    ring = ring_with(range(2_000))
    start_s = time.process_time()
    made = answers(spans_of(*((report, 0, 1_999) for report in range(512) for _ in range(182))), (ring, 0))
    assert np.bincount(made.report).tolist() == [MAX_RESENDS_PER_REPORT_PACKETS] * 512
    assert time.process_time() - start_s < 1


def test_each_report_is_answered_from_its_own_channel() -> None:
    one, other = ring_with(range(10)), ring_with(range(5, 30))
    other.late_us[other.slots(np.array([20]))] = 77
    spans = spans_of((0, 3, 4), (1, 3, 5), (2, 4, 4), (1, 20, 20))
    made = answers(spans, (one, 0), (other, 5), channels=[0, 1, 1])
    assert list(zip(made.report.tolist(), made.packet_index.tolist(), made.late_us.tolist(), strict=True)) == [
        (0, 3, 0),
        (0, 4, 0),
        (1, 5, 0),
        (1, 20, 77),
    ]
    assert (made.gone.report.tolist(), made.gone.first.tolist()) == ([2], [4])


def test_all_reports_of_one_subscriber_are_one() -> None:
    ring = ring_with(range(1_000))
    made = answer_loss_reports(
        spans_of((0, 0, 199), (1, 500, 500), (2, 200, 399)),
        subscribers=np.array([7, 8, 7]),
        channels=np.zeros(3, np.intp),
        sources=[LossSource(ring, 0)],
    )
    assert made.packet_index.tolist() == [*range(200), 500, *range(200, MAX_RESENDS_PER_REPORT_PACKETS)]


def test_totals_begin_anew_with_each_key_and_do_not_count_what_comes_after() -> None:
    totals = totals_before(np.array([4, 9, 4, 4, 9]), np.array([1, 10, 2, 3, 20]))
    assert totals.tolist() == [0, 0, 1, 3, 10]


def admit(memory: ResendMemory, indices: range, now_us: int, rtt_us: int = RTT_US, row: int = 0) -> list[int]:
    rows, asked = np.full(len(indices), row), np.array(indices, np.int64)
    limits_us = np.full(len(indices), now_us - rtt_us)
    places = memory.admit(rows, asked, limits_us)
    memory.remember(rows[places], asked[places], limits_us[places], now_us)
    return [int(index) for index in asked[places]]


def test_within_a_round_trip_a_packet_is_sent_again_once() -> None:
    memory = ResendMemory()
    assert admit(memory, range(3), 0) == [0, 1, 2]
    assert admit(memory, range(5), RTT_US - 1) == [3, 4]
    assert admit(memory, range(3), RTT_US) == [0, 1, 2]
    assert admit(memory, range(5), 2 * RTT_US - 2) == []


def test_what_one_subscriber_got_another_may_still_have() -> None:
    memory = ResendMemory()
    assert admit(memory, range(3), 0) == [0, 1, 2]
    assert admit(memory, range(3), 0, row=1) == [0, 1, 2]
    memory.forget(1)
    assert admit(memory, range(3), 1, row=1) == [0, 1, 2]
    assert admit(memory, range(3), 1) == []


def test_the_memory_forgets_what_it_sent_longest_ago() -> None:
    memory = ResendMemory()
    limit = MAX_REMEMBERED_PACKETS
    assert len(admit(memory, range(limit), 0)) == limit
    assert admit(memory, range(limit), 1) == []
    assert admit(memory, range(limit, limit + 1), 2) == [limit]
    assert admit(memory, range(limit + 1), 3) == [0]


def test_a_packet_that_is_named_again_and_again_is_sent_again_once() -> None:
    asked = np.zeros(4, np.intp), np.array([7, 7, 3, 7]), np.zeros(4, np.int64)
    assert ResendMemory().admit(*asked).tolist() == [0, 2]


def test_what_was_sent_long_ago_takes_no_memory() -> None:
    memory = ResendMemory()
    admit(memory, range(500), 0)
    admit(memory, range(1000, 1001), RTT_US)
    assert len(memory) == 1


def test_the_memory_stays_bounded_whatever_round_trip_a_subscriber_claims() -> None:
    memory = ResendMemory()
    for start in range(0, 20 * MAX_REMEMBERED_PACKETS, 256):
        admit(memory, range(start, start + 256), start, rtt_us=0xFFFF_FFFF)
    assert len(memory) == MAX_REMEMBERED_PACKETS
