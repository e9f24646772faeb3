import time
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from headrace.access.channel_rule import ChannelRule
from headrace.store.database import Database
from headrace.store.errors import StateError
from headrace.store.key_records import MAX_LABEL_CHARACTERS, KeyRecord
from headrace.store.location import StateLocation
from headrace.store.state_store import StateStore


@pytest.fixture
def store(location: StateLocation) -> Iterator[StateStore]:
    with StateStore(location) as opened:
        for channel_id in ("a", "b"):
            opened.channels.add(ChannelRule(channel_id))
        yield opened


def test_a_key_is_listed_without_itself(store: StateStore) -> None:
    number = store.keys.add("a", "the key", "camera 1")
    [key] = store.keys.of_channel("a")
    assert key == KeyRecord(number, "a", "camera 1", key.created_unix_s, None)
    assert abs(key.created_unix_s - time.time()) < 60
    assert store.keys.of_channel("b") == []


def test_the_database_does_not_have_the_key(store: StateStore, database: Database) -> None:
    store.keys.add("a", "the key", "camera 1")
    with database.reading() as connection:
        [row] = connection.execute(text("SELECT * FROM headrace_stream_keys"))
    assert "the key" not in str(row)


def test_a_revoked_key_opens_nothing_and_is_still_listed(store: StateStore) -> None:
    one, two = store.keys.add("a", "one"), store.keys.add("a", "two")
    store.keys.revoke("a", one)
    assert store.directory().find_key("one") is None
    assert store.directory().find_key("two") is not None
    revoked = {key.key_id: key.revoked_unix_s for key in store.keys.of_channel("a")}
    assert revoked[one] is not None
    assert revoked[two] is None


def test_a_key_that_is_revoked_twice_keeps_its_time(store: StateStore, database: Database) -> None:
    number = store.keys.add("a", "one")
    store.keys.revoke("a", number)
    with database.writing() as connection:
        connection.execute(text("UPDATE headrace_stream_keys SET revoked_unix_s = 7"))
    store.keys.revoke("a", number)
    assert [key.revoked_unix_s for key in store.keys.of_channel("a")] == [7]


def test_all_keys_of_a_channel_can_be_revoked_and_of_no_other(store: StateStore) -> None:
    for key in ("one", "two", "three"):
        number = store.keys.add("a", key)
    store.keys.revoke("a", number)
    store.keys.add("b", "other")
    assert store.keys.revoke_all("a") == 2
    assert store.keys.revoke_all("a") == 0
    assert store.directory().find_key("one") is None
    assert store.directory().find_key("other") is not None


def test_a_key_of_another_channel_cannot_be_revoked_by_this_one(store: StateStore) -> None:
    number = store.keys.add("b", "other")
    with pytest.raises(StateError, match=f"channel a has no key {number}: 'headrace keys list a' shows"):
        store.keys.revoke("a", number)
    assert store.directory().find_key("other") is not None


def test_a_number_is_never_given_again(store: StateStore) -> None:
    number = store.keys.add("a", "one")
    store.channels.remove("a")
    assert store.keys.add("b", "two") > number


def test_a_channel_that_is_not_there_has_no_keys(store: StateStore) -> None:
    for attempt in (
        lambda: store.keys.of_channel("none"),
        lambda: store.keys.add("none", "key"),
        lambda: store.keys.revoke("none", 1),
        lambda: store.keys.revoke_all("none"),
    ):
        with pytest.raises(StateError, match="there is no channel none"):
            attempt()


def test_a_label_has_a_longest_length(store: StateStore) -> None:
    store.keys.add("a", "one", "x" * MAX_LABEL_CHARACTERS)
    with pytest.raises(StateError, match="a label has at most 64 characters, this one has 65"):
        store.keys.add("a", "two", "x" * (MAX_LABEL_CHARACTERS + 1))
