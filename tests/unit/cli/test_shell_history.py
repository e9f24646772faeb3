from pathlib import Path

import pytest
from prompt_toolkit.history import FileHistory, InMemoryHistory

from headrace.cli.shell_history import open_history


def test_what_was_typed_is_there_in_the_next_session(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    open_history().append_string("subscribe 1AAA99")
    assert list(open_history().load_history_strings()) == ["subscribe 1AAA99"]
    path = tmp_path / "headrace" / "history"
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("given", ["", "relative/path"])
def test_it_is_kept_in_the_home_folder_where_no_place_is_said(
    given: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", given)
    monkeypatch.setenv("HOME", str(tmp_path))
    history = open_history()
    assert isinstance(history, FileHistory)
    assert history.filename == tmp_path / ".local" / "state" / "headrace" / "history"


def test_where_it_cannot_be_kept_there_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    assert isinstance(open_history(), InMemoryHistory)
