"""The subscribers of one channel."""

import numpy as np
import pytest
from tests.support.fanout_tables import address, subscribe

from headrace.fanout.sent_totals import SentTotals
from headrace.fanout.subscriber_group import SubscriberGroup
from headrace.fanout.subscriber_table import SubscriberTable


def test_columns_follow_who_is_in_the_group() -> None:
    table = SubscriberTable()
    rows = [subscribe(table, number, next_index=10 * number) for number in range(3)]
    group = SubscriberGroup(table)
    assert len(group) == 0
    assert len(group.columns.rows) == 0
    assert group.newest_start_index == 0
    for row in (rows[2], rows[0]):
        group.add(row)
    assert group.columns.rows.tolist() == sorted([rows[0], rows[2]])
    assert group.newest_start_index == 20
    group.remove(rows[2])
    assert group.columns.rows.tolist() == [rows[0]]
    assert group.newest_start_index == 0
    assert len(group) == 1


def test_columns_are_gathered_once_until_somebody_comes_or_goes() -> None:
    table = SubscriberTable()
    group = SubscriberGroup(table)
    group.add(subscribe(table, 1))
    columns = group.columns
    assert group.columns is columns
    group.add(subscribe(table, 2))
    assert group.columns is not columns


def test_who_is_not_in_the_group_cannot_leave_it() -> None:
    with pytest.raises(KeyError):
        SubscriberGroup(SubscriberTable()).remove(3)


def test_who_is_behind_counts_and_gets_nothing_of_what_comes() -> None:
    table = SubscriberTable()
    rows = [subscribe(table, number, next_index=10 * number) for number in range(4)]
    group = SubscriberGroup(table)
    group.add(rows[0])
    for row in (rows[3], rows[2]):
        group.add_behind(row)
    assert len(group) == 3
    assert group.columns.rows.tolist() == [rows[0]]
    assert group.behind_rows.tolist() == sorted([rows[2], rows[3]])
    assert group.newest_start_index == 0


def test_who_has_caught_up_gets_what_comes_with_the_columns_of_that_moment() -> None:
    table = SubscriberTable()
    row = subscribe(table, 1)
    group = SubscriberGroup(table)
    group.add_behind(row)
    assert len(group.columns.rows) == 0
    table.rows["earliest_us"][row] = 77
    group.add(row)
    assert group.columns.rows.tolist() == [row]
    assert group.columns.earliest_us.tolist() == [77]
    assert group.behind_rows.tolist() == []
    assert len(group) == 1


def test_who_is_behind_can_leave() -> None:
    table = SubscriberTable()
    row = subscribe(table, 1)
    group = SubscriberGroup(table)
    group.add_behind(row)
    assert group.behind_rows.tolist() == [row]
    group.remove(row)
    assert group.behind_rows.tolist() == []
    assert len(group) == 0


def test_what_those_were_sent_who_have_left_is_kept() -> None:
    table = SubscriberTable()
    rows = [subscribe(table, number) for number in range(3)]
    group = SubscriberGroup(table)
    group.add(rows[0])
    group.add(rows[1])
    group.add_behind(rows[2])
    for row, count in zip(rows, (1_000, 20, 3), strict=True):
        table.rows["sent_packets"][row] = count
        table.rows["sent_payload_bytes"][row] = 1_316 * count
        table.rows["resent_packets"][row] = 2 * count
    assert group.gone == SentTotals()
    group.remove(rows[1])
    assert group.gone == SentTotals(20, 1_316 * 20, 40)
    group.remove(rows[2])
    assert group.gone == SentTotals(23, 1_316 * 23, 46)


def test_what_has_changed_in_the_table_is_seen_after_a_refresh() -> None:
    table = SubscriberTable()
    row = subscribe(table, 1)
    group = SubscriberGroup(table)
    group.add(row)
    assert group.columns.address.tobytes() == address(1)
    table.rows["address"][row] = np.frombuffer(address(2), np.uint8)
    group.refresh()
    assert group.columns.address.tobytes() == address(2)


def test_those_who_came_too_late_for_the_room_in_a_buffer_are_the_first_next_time() -> None:
    table = SubscriberTable()
    group = SubscriberGroup(table)
    group.rotate(0)
    rows = [subscribe(table, number) for number in range(4)]
    for row in rows:
        group.add(row)
    group.rotate(3)
    assert group.columns.rows.tolist() == sorted(rows)[3:] + sorted(rows)[:3]
    assert group.columns.address.flags.c_contiguous
    assert group.columns.address.tobytes() == b"".join(address(number) for number in (3, 0, 1, 2))
    group.rotate(4)
    assert group.columns.rows.tolist() == sorted(rows)[3:] + sorted(rows)[:3]
    group.remove(rows[0])
    assert group.columns.rows.tolist() == sorted(rows[1:])


def test_all_that_get_what_comes_can_be_made_to_catch_up() -> None:
    table = SubscriberTable()
    rows = [subscribe(table, number) for number in range(3)]
    group = SubscriberGroup(table)
    group.add_behind(rows[0])
    for row in rows[1:]:
        group.add(row)
    assert len(group.columns.rows) == 2
    group.fall_behind()
    assert len(group.columns.rows) == 0
    assert group.behind_rows.tolist() == sorted(rows)
    group.add(rows[1])
    assert group.columns.rows.tolist() == [rows[1]]
