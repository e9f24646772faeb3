from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text, update

from headrace.store import migrations
from headrace.store.database import Database
from headrace.store.errors import StateError
from headrace.store.location import StateLocation, parse_location
from headrace.store.migrations import read_version
from headrace.store.schema import MIGRATIONS, SCHEMA_VERSION
from headrace.store.tables import METADATA, STATE


def test_the_steps_lead_to_the_tables_that_the_code_knows(database: Database) -> None:
    with database.reading() as connection:
        found = inspect(connection)
        for table in METADATA.sorted_tables:
            columns = {one["name"]: one["nullable"] for one in found.get_columns(table.name)}
            assert columns == {column.name: column.nullable for column in table.columns}
            keys = found.get_pk_constraint(table.name)["constrained_columns"]
            assert keys == [column.name for column in table.primary_key]
            lengths = {one["name"]: getattr(one["type"], "length", None) for one in found.get_columns(table.name)}
            assert lengths == {column.name: getattr(column.type, "length", None) for column in table.columns}


def test_a_state_of_an_older_version_gets_the_steps_that_it_lacks(
    location: StateLocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    Database(location).close()
    step = ("ALTER TABLE headrace_channels ADD COLUMN wish VARCHAR(8)",)
    monkeypatch.setattr(migrations, "MIGRATIONS", (*MIGRATIONS, step))
    monkeypatch.setattr(migrations, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
    monkeypatch.setattr("headrace.store.database.SCHEMA_VERSION", SCHEMA_VERSION + 1)
    for _ in range(2):
        newer = Database(location)
        with newer.reading() as connection:
            assert read_version(connection, "") == SCHEMA_VERSION + 1
            assert "wish" in [one["name"] for one in inspect(connection).get_columns("headrace_channels")]
        newer.close()


def test_a_step_that_fails_leaves_the_state_as_it_was(
    location: StateLocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    Database(location).close()
    steps = ("CREATE TABLE headrace_half (x INTEGER)", "ALTER TABLE headrace_nowhere ADD COLUMN x INTEGER")
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "MIGRATIONS", (*MIGRATIONS, steps))
        patch.setattr("headrace.store.database.SCHEMA_VERSION", SCHEMA_VERSION + 1)
        with pytest.raises(StateError, match="headrace_nowhere"):
            Database(location)
    again = Database(location)
    with again.reading() as connection:
        assert "headrace_half" not in inspect(connection).get_table_names()
        assert read_version(connection, "") == SCHEMA_VERSION
    again.close()


def test_a_newer_state_is_refused_and_left_alone(location: StateLocation) -> None:
    database = Database(location)
    with database.writing() as connection:
        connection.execute(update(STATE).values(schema_version=SCHEMA_VERSION + 6, revision=41))
    database.close()
    with pytest.raises(StateError) as raised:
        Database(location)
    assert f"{location} was written by a newer Headrace (schema {SCHEMA_VERSION + 6}" in str(raised.value)
    assert "update Headrace, or name another place with --state" in str(raised.value)
    engine = create_engine(location.url or f"sqlite:///{location.file}")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT * FROM headrace_state")).one() == (1, SCHEMA_VERSION + 6, 41)
    engine.dispose()


def test_another_programs_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    location = parse_location(str(tmp_path))
    engine = create_engine(f"sqlite:///{location.file}")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE books (title TEXT)"))
    engine.dispose()
    with pytest.raises(StateError, match="is a database of another program"):
        Database(location)
    with engine.connect() as connection:
        assert inspect(connection).get_table_names() == ["books"]
    engine.dispose()


def test_a_postgres_database_may_have_other_tables(postgres: StateLocation) -> None:
    engine = create_engine(postgres.url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE books (title TEXT)"))
    engine.dispose()
    Database(postgres).close()
