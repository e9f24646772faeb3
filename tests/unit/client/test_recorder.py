import errno
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Self

import pytest
from tests.support.streams import drawn_video

from headrace.base.errors import ChannelIdError
from headrace.client import recorder as module
from headrace.client.recorder import Recorder


class _StandingTime(datetime):
    """Every recording is made at the same second."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return cls(2026, 1, 2, 3, 4, 5)


@pytest.fixture(autouse=True)
def _same_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "datetime", _StandingTime)


def recording(directory: Path, payload: bytes, channel_id: str = "cam") -> Path:
    recorder = Recorder(directory, channel_id)
    recorder.write([payload])
    recorder.close()
    assert recorder.path is not None
    return recorder.path


def test_a_recording_is_what_came(tmp_path: Path) -> None:
    pieces = drawn_video(10)
    recorder = Recorder(tmp_path / "deep" / "down", "1AAA99")
    recorder.write(pieces[:3])
    recorder.write(pieces[3:])
    recorder.close()
    assert recorder.path == tmp_path / "deep" / "down" / "1AAA99-20260102-030405.ts"
    assert recorder.path.read_bytes() == b"".join(pieces)


def test_there_is_no_file_before_there_is_a_payload(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, "cam")
    assert recorder.path is None
    recorder.close()
    assert list(tmp_path.iterdir()) == []


def test_a_recording_is_never_written_over(tmp_path: Path) -> None:
    paths = [recording(tmp_path, payload) for payload in (b"one", b"two", b"three")]
    assert [path.name for path in paths] == [f"cam-20260102-030405{end}.ts" for end in ("", "-1", "-2")]
    assert [path.read_bytes() for path in paths] == [b"one", b"two", b"three"]


def test_a_link_to_elsewhere_is_not_written_through(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    folder = tmp_path / "recordings"
    folder.mkdir()
    (folder / "cam-20260102-030405.ts").symlink_to(victim)
    assert recording(folder, b"x").name == "cam-20260102-030405-1.ts"
    assert not victim.exists()


@pytest.mark.parametrize("channel_id", ["../cam", "a/b", "..", ".", "/etc/passwd", "", "a\0b", "-rf"])
def test_an_id_never_leaves_the_directory(tmp_path: Path, channel_id: str) -> None:
    with pytest.raises(ChannelIdError):
        Recorder(tmp_path, channel_id)


@pytest.mark.parametrize("channel_id", ["a..b", "a.", "x~1"])
def test_dots_within_an_id_stay_in_the_directory(tmp_path: Path, channel_id: str) -> None:
    assert recording(tmp_path, b"x", channel_id).parent == tmp_path


def test_a_directory_that_cannot_be_made_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="file"):
        Recorder(tmp_path / "file", "cam")


def test_too_many_recordings_of_one_second_end_the_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "MAX_NAME_TRIES", 2)
    for _ in range(2):
        recording(tmp_path, b"x")
    recorder = Recorder(tmp_path, "cam")
    recorder.write([b"x"])
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "nothing is recorded" in caplog.text
    assert recorder.path is None
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("buffering", [0, -1])
def test_a_full_disk_ends_the_recording_with_one_line_and_nothing_else(
    tmp_path: Path, buffering: int, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = Recorder(tmp_path, "cam")
    recorder.write([b"x"])
    assert recorder._file is not None
    recorder._file.close()
    recorder._file = full = open("/dev/full", "wb", buffering=buffering)  # noqa: SIM115 - the recorder closes it
    for _ in range(100):
        recorder.write([bytes(1316)])
    recorder.close()
    assert full.closed
    [record] = caplog.records
    assert record.getMessage().startswith("cam: the recording")
    assert "space" in record.getMessage()


def test_a_read_only_disk_is_told_in_one_line_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(path: Path, *_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    broken, other = Recorder(tmp_path, "cam"), Recorder(tmp_path, "other")
    other.write([b"first "])
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refuse)
        for _ in range(100):
            broken.write([bytes(1316)])
            other.write([b"and on "])
    broken.close()
    other.close()
    assert other.path is not None
    assert other.path.read_bytes() == b"first " + 100 * b"and on "
    assert (broken.path, broken.failure) != (None, None)
    [record] = caplog.records
    assert record.getMessage() == f"cam: nothing is recorded in {tmp_path}: Read-only file system"


def test_what_does_not_fit_at_the_very_end_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    recorder = Recorder(tmp_path, "cam")
    recorder._file = open("/dev/full", "wb")  # noqa: SIM115 - the recorder closes it
    recorder.write([b"less than a buffer"])
    recorder.close()
    assert len(caplog.records) == 1


def test_after_closing_nothing_is_written(tmp_path: Path) -> None:
    path = recording(tmp_path, b"x")
    recorder = Recorder(tmp_path, "other")
    recorder.close()
    recorder.write([b"y"])
    recorder.close()
    assert list(tmp_path.iterdir()) == [path]
