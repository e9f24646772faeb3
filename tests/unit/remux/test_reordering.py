from headrace.remux.reordering import MAX_CLOCK_STEP_90KHZ, ReorderingWatch


def watch(*times_90khz: int) -> ReorderingWatch:
    seen = ReorderingWatch()
    for time_90khz in times_90khz:
        seen.handle_picture(time_90khz)
    return seen


def test_pictures_that_go_on_are_not_reordered() -> None:
    assert not watch(0, 3_000, 3_000, 9_000).is_seen


def test_a_picture_shown_before_an_earlier_decoded_one_is_seen_for_good() -> None:
    seen = watch(0, 9_000, 3_000, 6_000, 12_000)
    assert (seen.is_seen, seen.deepest_90khz) == (True, 6_000)


def test_another_clock_is_no_reordering() -> None:
    assert watch(MAX_CLOCK_STEP_90KHZ, 0).is_seen
    assert not watch(MAX_CLOCK_STEP_90KHZ + 1, 0, 3_000).is_seen
    seen = watch(9_000)
    seen.handle_picture(3_000, is_discontinuous=True)
    assert not seen.is_seen
