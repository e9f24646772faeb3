import errno
import shutil
from pathlib import Path

import pytest

from headrace.base.errors import ChannelIdError
from headrace.cli import client as module
from headrace.cli.client import ClientError, client
from headrace.client.client import Client
from headrace.client.player import NoPlayerError
from headrace.client.recorder import Recorder


def test_a_script_has_to_say_which_channels() -> None:
    for arguments in ({"seconds": 1.0}, {"as_json": True}):
        with pytest.raises(ClientError, match="--subscribe ID"):
            client(**arguments)


def test_a_malformed_id_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    with pytest.raises(ChannelIdError):
        client(["1AAA99"], subscribe=["../x"], record=tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ClientError, match="choose another --record DIR"):
        client(["1AAA99"], record=tmp_path / "file")


def test_without_a_player_there_is_nothing_to_play_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(NoPlayerError, match="--record DIR"):
        client(["1AAA99"], play=True)


def test_a_recording_that_is_not_whole_ends_a_script_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def receive(subscriber: Client, *_: object, **__: object) -> None:
        [recorder] = subscriber._make_sinks("1AAA99")
        recorder.write([b"x"])
        assert isinstance(recorder, Recorder)
        recorder.close()
        recorder.failure = OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "run_script", receive)
    with pytest.raises(ClientError, match=r"1AAA99: No space left on device.*another --record DIR"):
        client(["1AAA99"], seconds=1.0, record=tmp_path)


def test_a_recording_that_is_whole_ends_a_script_well(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async def receive(subscriber: Client, *_: object, **__: object) -> None:
        for sink in subscriber._make_sinks("1AAA99"):
            sink.write([b"x"])
            sink.close()

    monkeypatch.setattr(module, "run_script", receive)
    client(["1AAA99"], seconds=1.0, record=tmp_path)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"x"]
