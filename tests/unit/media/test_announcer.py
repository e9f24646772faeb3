import pytest

from headrace.media.announcer import MAX_WAITING_DATA, REPEAT_INTERVAL_US, STAMP_INTERVAL_US, Announcer
from headrace.mpegts.metadata import Metadata

STANDING = Metadata(title="t", facts={"a": "b"})


def test_a_keyframe_says_everything() -> None:
    announcer = Announcer("t", {"a": "b"})
    for time_us in (0, 40_000):
        said = announcer.for_frame(time_us, key_frame=True, capture_unix_us=7)
        assert said == Metadata("t", {"a": "b"}, None, 7)


def test_without_keyframes_title_and_facts_come_every_two_seconds() -> None:
    announcer = Announcer("t", {"a": "b"})
    said = [time_us for time_us in range(0, 6_000_000, 40_000) if announcer.for_frame(time_us, key_frame=False)]
    assert said == [0, REPEAT_INTERVAL_US, 2 * REPEAT_INTERVAL_US]


def test_capture_times_come_about_six_times_a_second() -> None:
    announcer = Announcer()
    said = [announcer.for_frame(t, key_frame=False, capture_unix_us=t) for t in range(0, 1_000_000, 40_000)]
    stamps = [metadata.capture_unix_us for metadata in said if metadata]
    assert stamps == list(range(0, 1_000_000, STAMP_INTERVAL_US))
    assert not announcer.has_standing


def test_nothing_to_say_is_none() -> None:
    assert Announcer().for_frame(0, key_frame=True) is None


def test_a_change_is_said_with_the_next_frame() -> None:
    announcer = Announcer("t")
    announcer.for_frame(0, key_frame=True)
    announcer.announce("u", {"c": "d"})
    assert announcer.for_frame(40_000, key_frame=False) == Metadata("u", {"c": "d"})


def test_data_waits_in_order_and_the_oldest_goes_when_there_is_too_much() -> None:
    announcer = Announcer()
    for number in range(MAX_WAITING_DATA):
        announcer.send_data({"n": number})
    assert announcer.dropped_data == 0
    announcer.send_data({"n": MAX_WAITING_DATA})
    assert announcer.dropped_data == 1
    assert announcer.take_data() == [Metadata(data={"n": number + 1}) for number in range(MAX_WAITING_DATA)]
    assert announcer.take_data() == []


def test_what_does_not_fit_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="send less"):
        Announcer("x" * 70_000)
    with pytest.raises(ValueError, match="send less"):
        Announcer().send_data({"x": "x" * 70_000})
