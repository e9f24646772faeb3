from itertools import islice

import av
from tests.support.pictures import DrawnSource

from headrace.media.source import loop_frames


def test_time_goes_on_across_the_seam_of_a_loop() -> None:
    times_us = [item.time_us for item in islice(loop_frames(DrawnSource(3)), 8)]
    assert times_us == [number * 40_000 for number in range(8)]


def test_sound_stays_with_its_pictures_in_each_round() -> None:
    items = list(islice(loop_frames(DrawnSource(2, sound=True)), 12))
    pictures = [item.time_us for item in items if isinstance(item.frame, av.VideoFrame)]
    assert pictures == [item.time_us for item in items if isinstance(item.frame, av.AudioFrame)]


def test_a_source_without_pictures_does_not_loop_for_ever() -> None:
    assert list(loop_frames(DrawnSource(0))) == []
