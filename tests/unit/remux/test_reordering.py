from dataclasses import replace

from headrace.codecs.h264 import SpsFacts
from headrace.remux.reordering import CALM_90KHZ, MAX_CLOCK_STEP_90KHZ, ReorderingWatch

FACTS = SpsFacts(100, 0, 31, 1280, 720, 2)


def watch(*times_90khz: int) -> ReorderingWatch:
    seen = ReorderingWatch()
    for time_90khz in times_90khz:
        seen.handle_picture(time_90khz)
    return seen


def test_pictures_that_go_on_are_not_reordered() -> None:
    assert not watch(0, 3_000, 3_000, 9_000).is_seen


def test_a_picture_shown_before_an_earlier_decoded_one_is_seen() -> None:
    seen = watch(0, 9_000, 3_000, 6_000, 12_000)
    assert (seen.is_seen, seen.deepest_90khz) == (True, 6_000)


def test_another_clock_is_no_reordering() -> None:
    assert watch(MAX_CLOCK_STEP_90KHZ, 0).is_seen
    assert not watch(MAX_CLOCK_STEP_90KHZ + 1, 0, 3_000).is_seen
    seen = watch(9_000)
    seen.handle_picture(3_000, is_discontinuous=True)
    assert not seen.is_seen


def reordered() -> ReorderingWatch:
    """Return one that has seen a stream with B-frames begin at 90,000."""
    seen = ReorderingWatch()
    seen.handle_keyframe(90_000, FACTS)
    for time_90khz in (90_000, 99_000, 93_000, 96_000):
        seen.handle_picture(time_90khz)
    assert seen.is_seen
    return seen


def test_a_keyframe_of_the_same_stream_changes_nothing() -> None:
    seen = reordered()
    seen.handle_keyframe(102_000, FACTS)
    assert seen.is_seen


def test_a_stream_of_other_parameters_begins_without() -> None:
    seen = reordered()
    seen.handle_keyframe(102_000, replace(FACTS, max_num_reorder_frames=0))
    assert (seen.is_seen, seen.deepest_90khz) == (False, 0)


def test_after_ten_seconds_without_it_is_forgotten_at_a_keyframe() -> None:
    seen = reordered()
    seen.handle_keyframe(96_000 + CALM_90KHZ, FACTS)
    assert seen.is_seen
    seen.handle_keyframe(96_000 + CALM_90KHZ + 1, FACTS)
    assert not seen.is_seen


def test_a_clock_that_begins_again_counts_its_calm_from_there() -> None:
    seen = reordered()
    seen.handle_keyframe(0, FACTS)
    seen.handle_keyframe(CALM_90KHZ, FACTS)
    assert seen.is_seen
    seen.handle_keyframe(CALM_90KHZ + 1, FACTS)
    assert not seen.is_seen
