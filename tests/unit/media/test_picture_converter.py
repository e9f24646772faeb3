"""A channel's pictures re-encoded, while a slot is free."""

from threading import BoundedSemaphore

from tests.support.picture_processes import ECHO, start_fake, wait_for

from headrace.media.picture_converter import FAILS, NO_SLOT, OTHER_CODEC, PictureConverter
from headrace.remux.access_unit import AccessUnit, Codec

KEYFRAME = AccessUnit(Codec.H264, 90_000, 90_000, [b"\x65picture"])
OTHER = AccessUnit(Codec.H264, 93_600, 93_600, [b"\x41picture"], False)


def make(
    slots: BoundedSemaphore, then: str = ECHO, made: list[AccessUnit] | None = None, channel_id: str = "A"
) -> PictureConverter:
    found: list[AccessUnit] = [] if made is None else made
    return PictureConverter(channel_id, found.extend, slots, start_process=start_fake(then))


def ended(converter: PictureConverter) -> None:
    run = converter._run
    converter.end()
    assert run is None or run.join(30)


def test_it_begins_with_a_keyframe() -> None:
    made: list[AccessUnit] = []
    converter = make(BoundedSemaphore(1), made=made)
    assert not converter.feed(OTHER)
    assert converter._run is None
    assert converter.feed(KEYFRAME)
    assert converter.feed(OTHER)
    wait_for(lambda: len(made) >= 1)
    ended(converter)
    assert made[0].data == KEYFRAME.data
    assert converter.trouble is None


def test_no_more_channels_than_there_are_slots_and_the_next_has_it_when_one_ends() -> None:
    slots = BoundedSemaphore(1)
    first, second = make(slots), make(slots, channel_id="B")
    assert first.feed(KEYFRAME)
    assert not second.feed(KEYFRAME)
    assert second.trouble == NO_SLOT
    ended(first)
    assert not second.feed(OTHER)
    assert second.feed(KEYFRAME)
    assert second.trouble is None
    ended(second)


def test_another_codec_is_another_run_and_one_that_cannot_be_decoded_none() -> None:
    converter = make(BoundedSemaphore(2))
    assert converter.feed(KEYFRAME)
    run = converter._run
    assert run is not None
    assert not converter.feed(AccessUnit(Codec.AV1, 0, 0, [b"picture"]))
    assert run.join(30)
    assert converter.trouble == OTHER_CODEC
    assert converter.feed(AccessUnit(Codec.HEVC, 0, 0, [b"picture"]))
    assert converter.trouble is None
    ended(converter)


def test_what_fails_is_told_and_its_figures_stay() -> None:
    converter = make(BoundedSemaphore(1), "following(); os._exit(1)")
    assert converter.feed(KEYFRAME)
    run = converter._run
    assert run is not None
    wait_for(lambda: run.failures)
    run._failures_in_a_row = 3
    assert converter.trouble == FAILS
    ended(converter)
    assert converter.trouble is None
    assert converter.facts() == {"pictures": 0, "left_out_pictures": 0, "failures": 1}


def test_a_run_that_has_ended_by_itself_makes_room_for_another() -> None:
    slots = BoundedSemaphore(1)
    converter = make(slots)
    assert converter.feed(KEYFRAME)
    run = converter._run
    assert run is not None
    run.queue.close()
    assert run.join(30)
    assert converter.feed(KEYFRAME)
    assert converter._run is not run
    ended(converter)
