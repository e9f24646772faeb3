from headrace.endpoints.rate_meter import LOOKS, RateMeter

SECOND = 1_000_000


def meter(*totals: int) -> RateMeter:
    """Return a meter that has looked once a second."""
    made = RateMeter()
    for number, total in enumerate(totals):
        made.note(total, number * SECOND)
    return made


def test_there_is_no_rate_before_two_looks() -> None:
    assert meter().bps == 0
    assert meter(1000).bps == 0


def test_the_rate_is_that_between_the_first_and_the_last_look() -> None:
    assert meter(500, 1000, 3500).bps == 12_000


def test_old_looks_are_forgotten() -> None:
    assert meter(0, 1000, 1000, 1000, 1000).bps == 0
    assert meter(0, 1000, 1000, 1000).bps > 0
    assert LOOKS == 4


def test_a_smaller_count_is_another_one() -> None:
    assert meter(9000, 10_000, 0, 125).bps == 1000


def test_looks_at_the_same_moment_are_no_division_by_zero() -> None:
    made = RateMeter()
    made.note(0, 5)
    made.note(0, 5)
    assert made.bps == 0
