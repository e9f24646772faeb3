"""Where units begin in many datagrams. The same for any content is in ``tests/property/test_receive_twin.py``."""

import numpy as np

from headrace.mpegts.unit_starts import UnitStarts, find_unit_starts

FILLING, START = 0x4701_0010, 0x4741_0010


def find(rows: list[list[int]], lengths: list[int]) -> UnitStarts:
    return find_unit_starts(np.array(rows, np.uint32), np.array(lengths))


def test_a_unit_begins_where_the_indicator_is_set() -> None:
    rows = [[FILLING] * 7, [START, *[FILLING] * 5, 0x475F_FF10]]
    assert find(rows, [1316, 1316]) == UnitStarts([7, 13], [0x100, 0x1FFF])


def test_what_is_past_the_end_of_a_short_datagram_says_nothing() -> None:
    rows = [[START, START, 0, 0, START, 0, 0], [START] * 7]
    assert find(rows, [2 * 188, 1316]).places == [0, 1, *range(7, 14)]


def test_a_datagram_that_is_not_whole_transport_packets_has_no_units() -> None:
    rows = [[START] * 7, [START] * 6 + [0x4841_0010], [START] * 7, [START] * 7]
    assert find(rows, [1315, 1316, 1456, 188]).places == [21]
    assert find(rows[:1], [8 * 188]).places == []


def test_units_of_some_datagrams_are_counted_from_the_first_of_these() -> None:
    starts = find([[START] * 7, [FILLING, START, *[FILLING] * 5], [START, *[FILLING] * 6]], [1316] * 3)
    assert starts.within(1, 3) == UnitStarts([1, 7], [0x100, 0x100])
    assert starts.within(1, 2) == UnitStarts([1], [0x100])
    assert starts.within(3, 3) == UnitStarts([], [])
