from headrace.access.channel_rule import ChannelRule
from headrace.store.database import Database
from headrace.store.directory_rows import read_directory, read_versions
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
        directory = read_directory(connection.exec_driver_sql, is_open=False)
    database.close()
    assert (directory.revision, directory.channels) == (2, {"a": ChannelRule("a")})
    assert directory.find_key("the key") is not None
