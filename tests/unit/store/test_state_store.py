import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from headrace.access.channel_rule import ChannelRule, Visibility
from headrace.access.directory import Directory, TokenKey
from headrace.store.database import Database
from headrace.store.errors import StateError
from headrace.store.location import StateLocation, parse_location
from headrace.store.state_store import StateStore


def test_a_directory_has_all_that_is_stored(store: StateStore) -> None:
    rule = ChannelRule("a", Visibility.PRIVATE, "correct horse battery")
    token_key = TokenKey("shop.example", "videos", "1", "EdDSA", b"k" * 32)
    store.channels.add(rule)
    number = store.keys.add("a", "the key")
    store.token_keys.trust([token_key])
    directory = store.directory()
    assert directory.channels == {"a": rule}
    assert directory.token_keys == (token_key,)
    assert directory.revision == store.revision() == 3
    assert not directory.is_open
    entry = directory.find_key("the key")
    assert entry is not None
    assert (entry.key_id, entry.channel_id) == (number, "a")


def test_an_open_directory_says_so(store: StateStore) -> None:
    assert store.directory(is_open=True) == Directory(0, is_open=True)


def test_the_first_channel_is_made_once(store: StateStore) -> None:
    assert store.begin(ChannelRule("live"), "the key", "first start")
    assert not store.begin(ChannelRule("live"), "another key", "second start")
    assert [key.label for key in store.keys.of_channel("live")] == ["first start"]


def test_a_state_whose_channels_were_all_removed_does_not_begin_again(store: StateStore) -> None:
    store.begin(ChannelRule("live"), "the key", "")
    store.channels.remove("live")
    assert not store.begin(ChannelRule("live"), "the key", "")
    assert store.channels.list_all() == []


def test_of_those_who_begin_at_once_one_does(location: StateLocation) -> None:
    begun: list[bool] = []
    gate = threading.Barrier(3)

    def begin(number: int) -> None:
        with StateStore(location) as store:
            gate.wait(20)
            begun.append(store.begin(ChannelRule("live"), f"key {number}", ""))

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(begun) == [False, False, True]
    with StateStore(location) as store:
        assert len(store.keys.of_channel("live")) == 1


def test_what_another_process_wrote_is_seen(location: StateLocation, store: StateStore) -> None:
    with StateStore(location) as other:
        other.channels.add(ChannelRule("a"))
    assert store.revision() == 1
    assert list(store.directory().channels) == ["a"]


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE headrace_channels SET visibility = 'hidden'",
        "UPDATE headrace_channels SET passphrase = 'short'",
        "UPDATE headrace_stream_keys SET digest_hex = 'no hex'",
        "UPDATE headrace_stream_keys SET digest_hex = 'ab'",
    ],
)
def test_a_row_that_cannot_be_is_an_error_and_no_crash(damage: str, tmp_path: Path) -> None:
    location = parse_location(str(tmp_path))
    with StateStore(location) as store:
        store.begin(ChannelRule("live"), "the key", "")
        database = Database(location)
        with database.writing() as connection:
            connection.execute(text(damage))
        database.close()
        with pytest.raises(StateError, match=" is broken "):
            store.directory()
