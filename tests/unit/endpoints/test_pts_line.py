"""One line of times for a channel, and when each of them was."""

from headrace.endpoints.pts_line import MAX_STEP_90KHZ, STEP_90KHZ, PtsLine

SECOND_US = 1_000_000


def test_times_stay_as_they_are_while_they_go_on() -> None:
    line = PtsLine()
    times = [5, 3_605, 1_805, 7_205, 7_205 + MAX_STEP_90KHZ]
    assert [line.place(time) for time in times] == times


def test_another_clock_goes_on_where_the_one_before_ended() -> None:
    line = PtsLine()
    line.place(50_000_000)
    assert line.place(100) == 50_000_000 + STEP_90KHZ
    assert line.place(3_700) == 50_003_600 + STEP_90KHZ
    assert line.place(100 + MAX_STEP_90KHZ * 5) == 50_003_600 + 2 * STEP_90KHZ


def test_the_moment_of_a_time_is_that_of_the_fastest_way() -> None:
    line = PtsLine()
    assert line.pts_at(0) is None
    line.note_arrival(0, 2 * SECOND_US)
    line.note_arrival(90_000, 2 * SECOND_US)
    assert line.pts_at(2 * SECOND_US) == 90_000
    # Later by a second, of which 200 millionths of two seconds may be the clock's.
    line.note_arrival(180_000, 4 * SECOND_US)
    assert line.pts_at(4 * SECOND_US) == 270_000 - 36


def test_a_slow_clock_is_followed() -> None:
    line = PtsLine()
    for second in range(600):
        line.note_arrival(second * 90_000, second * (SECOND_US + 100))
    at = line.pts_at(599 * (SECOND_US + 100))
    assert at is not None
    assert abs(at - 599 * 90_000) <= 20


def test_another_clock_has_other_moments() -> None:
    line = PtsLine()
    line.note_arrival(line.place(90_000), SECOND_US)
    line.note_arrival(line.place(900_000_000), 2 * SECOND_US)
    assert line.pts_at(2 * SECOND_US) == 90_000 + STEP_90KHZ
