"""Ranges of missing packets: joining, splitting, counting."""

import pytest

from headrace.srt.loss_list import LossList


def losses(*ranges: tuple[int, int]) -> LossList:
    made = LossList()
    for first, last in ranges:
        made.add(first, last)
    return made


def test_a_new_list_is_empty() -> None:
    assert len(losses()) == 0
    assert losses().first is None
    assert losses().pop_first() is None
    assert losses().remove_below(100) == 0


def test_ranges_stay_sorted_however_they_come() -> None:
    assert losses((50, 52), (10, 11), (30, 30)).ranges() == [(10, 11), (30, 30), (50, 52)]


@pytest.mark.parametrize(
    ("added", "expected"),
    [
        ((13, 14), [(10, 14), (20, 22)]),
        ((14, 18), [(10, 12), (14, 18), (20, 22)]),
        ((13, 19), [(10, 22)]),
        ((8, 9), [(8, 12), (20, 22)]),
        ((11, 21), [(10, 22)]),
        ((5, 30), [(5, 30)]),
        ((10, 12), [(10, 12), (20, 22)]),
        ((11, 11), [(10, 12), (20, 22)]),
    ],
)
def test_what_touches_or_overlaps_is_joined(added: tuple[int, int], expected: list[tuple[int, int]]) -> None:
    made = losses((10, 12), (20, 22), added)
    assert made.ranges() == expected
    assert len(made) == sum(last - first + 1 for first, last in expected)


@pytest.mark.parametrize(
    ("removed", "count", "expected"),
    [
        ((10, 10), 1, [(11, 19), (30, 39)]),
        ((19, 19), 1, [(10, 18), (30, 39)]),
        ((14, 15), 2, [(10, 13), (16, 19), (30, 39)]),
        ((15, 34), 10, [(10, 14), (35, 39)]),
        ((0, 100), 20, []),
        ((20, 29), 0, [(10, 19), (30, 39)]),
        ((10, 39), 20, []),
    ],
)
def test_removal_splits_and_counts(removed: tuple[int, int], count: int, expected: list[tuple[int, int]]) -> None:
    made = losses((10, 19), (30, 39))
    assert made.remove_range(*removed) == count
    assert made.ranges() == expected
    assert len(made) == 20 - count


@pytest.mark.parametrize("reversed_range", [(15, 14), (16, 12), (40, 5)])
def test_an_empty_range_removes_nothing(reversed_range: tuple[int, int]) -> None:
    made = losses((10, 19))
    assert made.remove_range(*reversed_range) == 0
    assert made.ranges() == [(10, 19)]
    assert len(made) == 10


def test_one_index_is_removed_once() -> None:
    made = losses((10, 12))
    assert made.remove(11)
    assert not made.remove(11)
    assert made.ranges() == [(10, 10), (12, 12)]


def test_everything_older_is_removed() -> None:
    made = losses((10, 12), (20, 22))
    assert made.remove_below(10) == 0
    assert made.remove_below(21) == 4
    assert made.ranges() == [(21, 22)]
    assert made.remove_below(5) == 0


def test_membership_is_exact_at_the_edges() -> None:
    made = losses((10, 12), (20, 20))
    assert [index for index in range(8, 23) if index in made] == [10, 11, 12, 20]


def test_the_oldest_is_taken_first() -> None:
    made = losses((20, 20), (10, 11))
    assert [made.pop_first() for _ in range(4)] == [10, 11, 20, None]


def test_a_range_of_2_to_the_30_costs_no_more_than_one_packet() -> None:
    made = losses((5, 5 + (1 << 30)))
    assert len(made) == (1 << 30) + 1
    assert made.remove_range(7, 1 << 29) == (1 << 29) - 6
    assert made.ranges() == [(5, 6), ((1 << 29) + 1, 5 + (1 << 30))]
