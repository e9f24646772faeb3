"""The process that re-encodes pictures, and what becomes of one that does not."""

import os

import pytest
from tests.support.picture_processes import ECHO, start_fake
from tests.support.reordered import reordered_units

from headrace.codecs.annex_b import join_annex_b
from headrace.media.errors import MediaError
from headrace.media.picture_pipe import CodedPicture
from headrace.media.picture_process import PictureProcess

PICTURE = CodedPicture(90_000, b"\0\0\0\1\x65picture", is_keyframe=True)


def test_our_own_makes_pictures_of_pictures() -> None:
    process = PictureProcess("h264", within_seconds=30)
    process.wait_until_ready()
    assert process.convert(CodedPicture(0, b"rubbish" * 100)) == []
    units = reordered_units(10)
    made = [
        one
        for unit in units
        for one in process.convert(CodedPicture(unit.pts_90khz, join_annex_b(unit.data), unit.is_keyframe))
    ]
    assert len(made) >= 8
    process.close()
    assert process._process.returncode == -9


def test_large_pictures_go_both_ways() -> None:
    process = start_fake(ECHO)("h264")
    process.wait_until_ready()
    picture = CodedPicture(0, bytes(3_000_000))
    assert process.convert(picture) == [picture]
    process.close()


@pytest.mark.parametrize(
    ("then", "error"),
    [
        ("time.sleep(600)", TimeoutError),
        ("following(); time.sleep(600)", TimeoutError),
        ("following(); out.write(bytes([1])); out.flush(); time.sleep(600)", TimeoutError),
        ("following(); os._exit(1)", MediaError),
        ("following(); out.write(bytes([200])); out.flush(); time.sleep(600)", MediaError),
    ],
)
def test_one_that_hangs_dies_or_talks_nonsense_is_an_error_in_time(then: str, error: type[Exception]) -> None:
    process = start_fake(then, within_seconds=0.3 if error is TimeoutError else 30)("h264")
    process.wait_until_ready()
    with pytest.raises(error):
        process.convert(CodedPicture(0, bytes(3_000_000)))
    process.close()


def test_one_that_is_gone_takes_no_more() -> None:
    process = start_fake("os._exit(0)")("h264")
    process.wait_until_ready()
    process._process.wait(30)
    with pytest.raises((OSError, MediaError)):
        process.convert(PICTURE)
    process.close()


def test_it_can_be_ended_while_somebody_waits_for_it() -> None:
    process = start_fake("time.sleep(600)")("h264")
    process.wait_until_ready()
    process.kill()
    with pytest.raises((OSError, MediaError)):
        process.convert(PICTURE)
    process.close()


def test_what_cannot_be_started_leaves_nothing_open() -> None:
    with pytest.raises(OSError, match="nowhere"):
        PictureProcess("h264", ("/nowhere/at/all",))


def test_it_hands_on_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADRACE_TEST_SECRET", "hush")
    tell = "following(); answer(CodedPicture(0, ' '.join(os.environ).encode()))"
    process = start_fake(tell)("h264")
    process.wait_until_ready()
    (told,) = process.convert(PICTURE)
    assert b"HEADRACE_TEST_SECRET" not in told.data
    assert b"PATH" in told.data
    process.close()


def test_its_niceness_is_above_ours() -> None:
    process = PictureProcess("h264", within_seconds=30)
    process.wait_until_ready()
    assert os.getpriority(os.PRIO_PROCESS, process._process.pid) == min(os.nice(0) + 10, 19)
    process.close()
