"""When each of many things is due."""

from headrace.netio.deadlines import Deadlines


def test_what_is_due_comes_out_once_and_in_order_of_time() -> None:
    deadlines = Deadlines()
    deadlines.set(1, 30)
    deadlines.set(2, 10)
    deadlines.set(3, 20)
    assert deadlines.next_us() == 10
    assert deadlines.pop_due(9) == []
    assert deadlines.pop_due(20) == [2, 3]
    assert deadlines.pop_due(1_000) == [1]
    assert deadlines.pop_due(1_000) == []
    assert deadlines.next_us() is None


def test_a_deadline_can_be_moved_both_ways_and_removed() -> None:
    deadlines = Deadlines()
    deadlines.set(1, 30)
    deadlines.set(1, 50)
    assert deadlines.next_us() == 50
    deadlines.set(1, 10)
    assert deadlines.next_us() == 10
    deadlines.set(1, None)
    deadlines.set(2, None)
    assert deadlines.next_us() is None
    assert deadlines.pop_due(100) == []


def test_a_deadline_moved_back_to_where_it_was_is_due_once() -> None:
    deadlines = Deadlines()
    for due_us in 30, 50, 30:
        deadlines.set(1, due_us)
    assert deadlines.pop_due(100) == [1]


def test_moving_a_deadline_for_ever_leaves_no_more_than_a_bounded_rest() -> None:
    deadlines = Deadlines()
    for due_us in range(10_000):
        deadlines.set(1, due_us)
    assert len(deadlines._heap) <= 2 + 64 + 1
    assert deadlines.pop_due(9_999) == [1]
