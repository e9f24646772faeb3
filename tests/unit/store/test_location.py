import subprocess
import sys
from pathlib import Path

import pytest

from headrace.store.errors import StateError
from headrace.store.location import FILE_NAME, parse_location


def test_nothing_said_is_the_users_own_folder_for_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/somewhere")
    location = parse_location("")
    assert (location.folder, location.file) == (
        Path("/somewhere/headrace"),
        Path("/somewhere/headrace") / FILE_NAME,
    )
    assert str(location) == f"/somewhere/headrace/{FILE_NAME}"


def test_a_folder_may_be_of_the_users_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    assert parse_location("~/state").folder == Path("/home/ann/state")
    assert parse_location("state").folder == Path("state")


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_a_url_is_postgres(scheme: str) -> None:
    location = parse_location(f"{scheme}://ann@db/streams")
    assert (location.folder, location.file) == (None, None)
    assert location.url == "postgresql+psycopg://ann@db/streams"


@pytest.mark.parametrize(
    "url", ["mysql://ann:hunter2@db/x", "sqlite:////tmp/x.db", "postgresql+asyncpg://ann@db/x"]
)
def test_the_url_of_anything_else_is_refused_with_what_can_be_given(url: str) -> None:
    with pytest.raises(StateError, match="give a folder, or postgresql://") as raised:
        parse_location(url)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ann:hunter2@db:5432/x", "postgresql+psycopg://ann:***@db:5432/x"),
        ("postgresql://ann:hun:t@r2@db/x", "postgresql+psycopg://ann:***@db/x"),
        ("postgresql:///x?user=ann&password=hunter2&host=/run", "postgresql+psycopg:///x?user=ann&password=***&host=/run"),
        ("postgresql://ann@db:5432/x", "postgresql+psycopg://ann@db:5432/x"),
    ],
)  # fmt: skip
def test_a_password_is_shown_nowhere(url: str, shown: str) -> None:
    location = parse_location(url)
    assert str(location) == shown
    assert "r2" not in repr(location)


def test_looking_at_a_location_does_not_load_sqlalchemy() -> None:
    script = "import sys, headrace.store.location; assert 'sqlalchemy' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
