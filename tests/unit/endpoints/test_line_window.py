"""Few log lines of what can happen often, and the number of the others."""

import pytest

from headrace.endpoints.line_window import MAX_LINES_PER_WINDOW, WINDOW_US, LineWindow

START_US = 5_000_000
OVER_US = START_US + WINDOW_US


def full() -> LineWindow:
    window = LineWindow()
    assert all(window.admits(START_US + number) for number in range(MAX_LINES_PER_WINDOW))
    return window


def test_as_many_as_the_limit_get_a_line_and_one_more_does_not() -> None:
    window = full()
    assert window.poll_timer() is None
    assert not window.admits(OVER_US - 1)
    assert window.poll_timer() == OVER_US


def test_what_was_left_out_is_told_once_when_the_window_is_over() -> None:
    window = full()
    for why in ("timeout", "closed", "timeout"):
        window.admits(START_US, why)
    assert window.poll_left_out(OVER_US - 1) == {}
    assert window.poll_left_out(OVER_US) == {"timeout": 2, "closed": 1}
    assert window.poll_left_out(OVER_US) == {}
    assert window.poll_timer() is None


@pytest.mark.parametrize("is_told", [True, False])
def test_the_next_window_has_room_again_and_loses_no_count(is_told: bool) -> None:
    window = full()
    window.admits(START_US)
    told = window.poll_left_out(OVER_US) if is_told else {}
    assert all(window.admits(OVER_US) for _ in range(MAX_LINES_PER_WINDOW))
    assert not window.admits(OVER_US)
    left_out = window.poll_left_out(OVER_US + WINDOW_US)
    assert told.get("", 0) + left_out[""] == 2
