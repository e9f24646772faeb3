import pytest
from sqlalchemy import text

from headrace.access.channel_rule import ChannelRule
from headrace.store.database import Database
from headrace.store.directory_rows import read_directory, read_known_revision, read_versions
from headrace.store.errors import StateError
from headrace.store.location import StateLocation
from headrace.store.schema import SCHEMA_VERSION
from headrace.store.state_store import StateStore


def test_both_databases_take_the_queries_as_they_are(location: StateLocation) -> None:
    with StateStore(location) as store:
        store.channels.add(ChannelRule("a"))
        store.keys.add("a", "the key")
    database = Database(location)
    with database.reading() as connection:
        assert read_versions(connection.exec_driver_sql) == (SCHEMA_VERSION, 2)
        directory = read_directory(connection.exec_driver_sql, "", is_open=False)
    database.close()
    assert (directory.revision, directory.channels) == (2, {"a": ChannelRule("a")})
    assert directory.find_key("the key") is not None


@pytest.mark.parametrize("version", [SCHEMA_VERSION - 1, SCHEMA_VERSION + 1])
def test_nothing_of_a_state_of_another_version_is_taken(location: StateLocation, version: int) -> None:
    with StateStore(location) as store:
        store.channels.add(ChannelRule("a"))
        database = Database(location)
        with database.noting() as connection:
            connection.execute(text(f"UPDATE headrace_state SET schema_version = {version}"))
        with database.reading() as connection:
            assert read_versions(connection.exec_driver_sql) == (version, 1)
            with pytest.raises(StateError, match=rf"here was written .* \(schema {version}, this one"):
                read_known_revision(connection.exec_driver_sql, "here")
            with pytest.raises(StateError, match=rf"here was written .* \(schema {version}, this one"):
                read_directory(connection.exec_driver_sql, "here", is_open=False)
        database.close()
        with pytest.raises(StateError, match="was written by a"):
            store.revision()
        with pytest.raises(StateError, match="was written by a"):
            store.directory()
