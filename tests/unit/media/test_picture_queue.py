"""Which pictures are re-encoded when there is not time for all."""

from headrace.media.picture_queue import (
    CLOCK_STEP_90KHZ,
    LATE_90KHZ,
    MAX_WAITING_BYTES,
    MAX_WAITING_UNITS,
    TOO_LATE_90KHZ,
    PictureQueue,
)
from headrace.remux.access_unit import AccessUnit, Codec

STEP_90KHZ = 3_000
SECOND = 30


def unit(number: int, *, is_keyframe: bool = False, size_bytes: int = 100) -> AccessUnit:
    at_90khz = number * STEP_90KHZ
    return AccessUnit(Codec.H264, at_90khz, at_90khz, [bytes(size_bytes)], is_keyframe)


def filled(*numbers: int, keyframes: tuple[int, ...] = (0,)) -> PictureQueue:
    queue = PictureQueue()
    for number in numbers:
        queue.put(unit(number, is_keyframe=number in keyframes))
    return queue


def taken(queue: PictureQueue) -> list[tuple[int, bool]]:
    """Return all that waits: the number of each picture, and whether it is shown."""
    found = []
    while (due := queue.take(0)) is not None:
        found.append((due.unit.dts_90khz // STEP_90KHZ, due.is_shown))
    return found


def test_it_begins_with_a_keyframe_and_shows_what_comes_in_time() -> None:
    queue = filled(*range(6), keyframes=(2,))
    assert taken(queue) == [(2, True), (3, True), (4, True), (5, True)]
    assert queue.left_out_pictures == 0


def test_a_backlog_is_only_decoded_until_the_picture_of_now() -> None:
    queue = filled(*range(2 * SECOND))
    shown = [number for number, is_shown in taken(queue) if is_shown]
    assert shown == [2 * SECOND - 1]
    assert queue.left_out_pictures == 0


def test_who_falls_behind_leaves_pictures_out_until_it_has_caught_up() -> None:
    queue = filled(0)
    assert taken(queue) == [(0, True)]
    late = LATE_90KHZ // STEP_90KHZ
    for number in range(1, late + 3):
        queue.put(unit(number))
    found = taken(queue)
    assert [is_shown for _, is_shown in found] == [False] * (late + 1) + [True]
    assert queue.left_out_pictures == late + 1
    for number in range(late + 3, 2 * late):
        queue.put(unit(number))
    assert all(is_shown for _, is_shown in taken(queue))


def test_who_is_too_late_goes_on_with_the_newest_keyframe() -> None:
    queue = filled(0)
    assert taken(queue) == [(0, True)]
    keyframes = (20, TOO_LATE_90KHZ // STEP_90KHZ - 2)
    for number in range(1, 4 + TOO_LATE_90KHZ // STEP_90KHZ):
        queue.put(unit(number, is_keyframe=number in keyframes))
    found = taken(queue)
    assert found[0] == (keyframes[1], True)
    assert queue.left_out_pictures == keyframes[1] - 1


def test_no_more_than_a_backlog_waits_and_after_that_a_keyframe_is_needed() -> None:
    queue = filled(*range(MAX_WAITING_UNITS))
    assert len(queue._waiting) == MAX_WAITING_UNITS
    queue.put(unit(MAX_WAITING_UNITS))
    queue.put(unit(MAX_WAITING_UNITS + 1))
    assert taken(queue) == []
    queue.put(unit(MAX_WAITING_UNITS + 2, is_keyframe=True))
    assert taken(queue) == [(MAX_WAITING_UNITS + 2, True)]


def test_no_more_bytes_than_a_backlog_s_wait() -> None:
    queue = PictureQueue()
    queue.put(unit(0, is_keyframe=True, size_bytes=MAX_WAITING_BYTES - 1))
    queue.put(unit(1, size_bytes=1))
    assert queue._bytes == MAX_WAITING_BYTES
    queue.put(unit(2, is_keyframe=True, size_bytes=1))
    assert queue._bytes == 1
    assert taken(queue) == [(2, True)]
    assert queue._bytes == 0


def test_times_of_another_clock_are_not_late() -> None:
    queue = filled(0)
    assert taken(queue) == [(0, True)]
    queue.put(unit(1))
    queue.put(unit(3 + CLOCK_STEP_90KHZ // STEP_90KHZ, is_keyframe=True))
    assert [is_shown for _, is_shown in taken(queue)] == [True, True]


def test_while_it_pauses_it_takes_nothing_and_then_it_begins_with_a_keyframe() -> None:
    queue = filled(0)
    assert taken(queue) == [(0, True)]
    queue.put(unit(1))
    queue.pause()
    queue.put(unit(2, is_keyframe=True))
    assert taken(queue) == []
    queue.resume()
    queue.put(unit(3))
    queue.put(unit(4, is_keyframe=True))
    assert taken(queue) == [(4, True)]
    assert queue.left_out_pictures == 3


def test_nobody_waits_for_one_that_is_closed() -> None:
    queue = filled(0)
    queue.close()
    assert queue.take(60) is None
