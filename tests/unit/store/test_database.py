import os
import sqlite3
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, text

from headrace.store import database as database_module
from headrace.store import state_file
from headrace.store.database import Database, read_revision
from headrace.store.errors import StateError
from headrace.store.location import StateLocation, parse_location
from headrace.store.tables import TOKEN_KEYS

PAGE_BYTES = 4096


def sqlite_state(folder: Path) -> tuple[StateLocation, Path]:
    """Make a state; return where it is, and its file."""
    location = parse_location(str(folder))
    Database(location).close()
    assert location.file is not None
    return location, location.file


def refused(location: StateLocation) -> str:
    with pytest.raises(StateError) as raised:
        Database(location)
    return str(raised.value)


def drop_and_regret(connection: Connection) -> None:
    connection.execute(text("DROP TABLE headrace_stream_keys"))
    raise StateError("changed my mind")


def test_every_write_is_a_revision_and_one_that_fails_is_none(database: Database) -> None:
    with database.reading() as connection:
        assert read_revision(connection) == 0
    with database.writing():
        pass
    with pytest.raises(StateError, match="changed my mind"), database.writing() as connection:
        drop_and_regret(connection)
    with database.reading() as connection:
        assert read_revision(connection) == 1
        assert connection.execute(text("SELECT count(*) FROM headrace_stream_keys")).scalar() == 0


def test_what_sqlite_writes_beside_its_file_is_for_its_user_alone_too(tmp_path: Path) -> None:
    location, file = sqlite_state(tmp_path / "state")
    opened = Database(location)
    before = os.umask(0)
    try:
        with opened.writing():
            modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in file.parent.iterdir()}
    finally:
        os.umask(before)
    opened.close()
    assert modes == {"headrace.db": 0o600, "headrace.db-journal": 0o600}


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"no database at all" * 100,
        lambda content: content[:PAGE_BYTES] + b"\xff" * (len(content) - PAGE_BYTES),
        lambda content: content[: len(content) // 2],
    ],
    ids=["not a database", "overwritten", "cut short"],
)
def test_a_broken_file_says_so_and_what_to_do_and_is_left_alone(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    location, file = sqlite_state(tmp_path)
    broken = damage(file.read_bytes())
    file.write_bytes(broken)
    said = refused(location)
    assert said.startswith(f"{file} is broken (")
    assert said.endswith("): put a backup in its place, or move it away to begin anew; nothing was changed")
    assert file.read_bytes() == broken


def test_a_row_that_cannot_be_is_a_broken_state(database: Database) -> None:
    with pytest.raises(StateError, match="is broken "), database.reading():
        bytes.fromhex("no hex")


def test_a_locked_file_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_file, "BUSY_SECONDS", 0.05)
    location, file = sqlite_state(tmp_path)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        assert refused(location) == f"{file} is locked by another program: end that, or try again"
    finally:
        other.close()
    Database(location).close()


def test_who_may_only_read_a_state_is_told_when_it_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    location, file = sqlite_state(tmp_path)
    monkeypatch.setattr(database_module, "is_writable", lambda _: False)
    opened = Database(location)
    with opened.reading() as connection:
        assert read_revision(connection) == 0
    with pytest.raises(StateError, match=f"{file} and its folder are not to be written"), opened.writing():
        pass
    opened.close()


def test_a_file_that_was_put_in_the_place_of_another_is_read(tmp_path: Path) -> None:
    location, file = sqlite_state(tmp_path / "one")
    _, other = sqlite_state(tmp_path / "other")
    with sqlite3.connect(other) as connection:
        connection.execute("UPDATE headrace_state SET revision = 7")
    connection.close()
    opened = Database(location)
    other.replace(file)
    with opened.reading() as reading:
        assert read_revision(reading) == 7
    opened.close()


def test_a_file_that_was_moved_away_is_not_made_anew(tmp_path: Path) -> None:
    location, file = sqlite_state(tmp_path)
    opened = Database(location)
    file.rename(tmp_path / "elsewhere")
    with pytest.raises(StateError, match=f"cannot use {file}: unable to open"), opened.reading():
        pass
    opened.close()
    assert not file.exists()


def test_a_database_that_is_not_there_is_named_without_its_password() -> None:
    said = refused(parse_location("postgresql://ann:hunter2@127.0.0.1:1/streams"))
    assert said.startswith("cannot use postgresql+psycopg://ann:***@127.0.0.1:1/streams: ")
    assert "\n" not in said
    assert "hunter2" not in said


def test_a_connection_that_the_server_has_ended_is_made_anew(postgres: StateLocation) -> None:
    one, other = Database(postgres), Database(postgres)
    with one.reading() as connection:
        number = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    with other.reading() as connection:
        assert connection.execute(text("SELECT pg_terminate_backend(:number)"), {"number": number}).scalar_one()
    with one.reading() as connection:
        assert connection.execute(text("SELECT pg_backend_pid()")).scalar_one() != number
    one.close()
    other.close()


def test_who_waits_too_long_for_another_writer_is_told(
    postgres: StateLocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "BUSY_SECONDS", 0.1)
    one, other = Database(postgres), Database(postgres)
    with one.writing(), pytest.raises(StateError, match=r"cannot use .*lock timeout"), other.writing():
        pass
    one.close()
    other.close()


def test_without_the_driver_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    said = refused(parse_location("postgresql://ann@127.0.0.1:1/streams"))
    assert "needs psycopg: type pip install '.[postgres]' in a checkout" in said


def test_a_url_that_is_none_is_named() -> None:
    assert "is no URL of a database" in refused(parse_location("postgresql://ann@db:port/x"))


def test_an_error_shows_no_value_that_was_written(database: Database) -> None:
    key = {"issuer": "example", "key_id": "1", "audience": "a", "algorithm": "HS256", "key": "a secret"}
    with pytest.raises(StateError, match=r"(?i)unique") as raised, database.writing() as connection:
        connection.execute(insert(TOKEN_KEYS).values([{**key, "created_unix_s": 1}] * 2))
    assert "example" not in str(raised.value)
    assert "a secret" not in str(raised.value)
