import shutil
from pathlib import Path

import pytest

from headrace.base.errors import ChannelIdError
from headrace.cli.client import ClientError, client
from headrace.client.player import NoPlayerError


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
