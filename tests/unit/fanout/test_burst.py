"""Who gets which packets, with which headers, from which slots."""

import numpy as np
from tests.support.fanout_tables import ring_with, subscribe
from tests.support.srt_datagrams import words

from headrace.fanout.burst import make_bursts, make_resends
from headrace.fanout.subscriber_group import SubscriberGroup
from headrace.fanout.subscriber_table import SubscriberTable


def group_of(table: SubscriberTable, *starts: int) -> tuple[SubscriberGroup, list[int]]:
    group = SubscriberGroup(table)
    rows = [subscribe(table, number, next_index=start) for number, start in enumerate(starts)]
    for row in rows:
        group.add(row)
    return group, rows


def sent_to(bursts: list[tuple[list[int], list[int]]]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for rows, slots in bursts:
        for row in rows:
            found.setdefault(row, []).extend(slots)
    return found


def test_new_packets_go_to_all_in_one_burst() -> None:
    group, rows = group_of(SubscriberTable(), 0, 5)
    (burst,) = make_bursts(ring_with(range(8)), np.array([6, 7]), group)
    assert burst.columns.rows.tolist() == sorted(rows)
    assert burst.headers.shape == (2, 2, 16)
    assert burst.slots.tolist() == [6, 7]
    assert burst.lengths.tolist() == [188, 188]
    assert burst.headers[0, 0].tobytes() == words(106, 0xE000_0007, 6_000, 5_000)
    assert burst.headers[1, 1].tobytes() == words(102, 0xE000_0008, 7_000, 5_001)


def test_a_packet_older_than_a_subscriber_is_not_for_it() -> None:
    group, rows = group_of(SubscriberTable(), 0, 6, 7)
    bursts = make_bursts(ring_with(range(8)), np.array([4, 6, 7]), group)
    assert sent_to([(burst.columns.rows.tolist(), burst.slots.tolist()) for burst in bursts]) == {
        rows[0]: [7, 4, 6],
        rows[1]: [7, 6],
        rows[2]: [7],
    }


def test_no_packets_make_no_burst() -> None:
    group, _ = group_of(SubscriberTable(), 0)
    assert make_bursts(ring_with(range(8)), np.array([], np.int64), group) == []


def test_what_nobody_is_to_get_makes_no_burst() -> None:
    group, _ = group_of(SubscriberTable(), 5)
    assert make_bursts(ring_with(range(8)), np.array([4]), group) == []


def test_resends_are_marked_and_each_is_for_its_own_subscriber() -> None:
    table = SubscriberTable()
    _, rows = group_of(table, 0, 0)
    resends = make_resends(ring_with(range(8)), np.array([3, 3]), table.gather(np.array(rows[::-1])))
    assert resends.slots.tolist() == [3, 3]
    assert resends.lengths.tolist() == [188, 188]
    assert resends.headers.tobytes() == words(103, 0xE400_0004, 3_000, 5_001, 103, 0xE400_0004, 3_000, 5_000)
