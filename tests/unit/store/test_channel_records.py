import time

import pytest

from headrace.access.channel_rule import ChannelRule, Visibility
from headrace.base.errors import ChannelIdError
from headrace.store.errors import StateError
from headrace.store.state_store import StateStore

PASSPHRASE = "correct horse battery"


def test_a_channel_comes_back_as_it_was_added(store: StateStore) -> None:
    rule = ChannelRule("1AAA99", Visibility.PRIVATE, PASSPHRASE, is_encryption_enforced=False)
    before = int(time.time())
    store.channels.add(rule)
    record = store.channels.find("1AAA99")
    assert (record.rule, record.keys) == (rule, 0)
    assert before <= record.created_unix_s <= time.time()
    assert PASSPHRASE not in repr(record)


def test_channels_are_listed_by_id_with_the_keys_that_open_them(store: StateStore) -> None:
    for channel_id in ("b", "a"):
        store.channels.add(ChannelRule(channel_id))
    for label in ("one", "two"):
        number = store.keys.add("b", f"key {label}", label)
    store.keys.revoke("b", number)
    assert [(record.rule.channel_id, record.keys) for record in store.channels.list_all()] == [("a", 0), ("b", 1)]


def test_what_is_set_can_be_set_anew(store: StateStore) -> None:
    store.channels.add(ChannelRule("a", Visibility.PRIVATE, PASSPHRASE))
    store.channels.add(ChannelRule("b"))
    store.channels.change(ChannelRule("a", Visibility.UNLISTED))
    assert store.channels.find("a").rule == ChannelRule("a", Visibility.UNLISTED)
    assert store.channels.find("b").rule == ChannelRule("b")


def test_a_renamed_channel_keeps_its_keys(store: StateStore) -> None:
    store.channels.add(ChannelRule("old", Visibility.UNLISTED))
    number = store.keys.add("old", "key")
    store.channels.rename("old", "new")
    assert store.channels.find("new").rule == ChannelRule("new", Visibility.UNLISTED)
    assert [key.key_id for key in store.keys.of_channel("new")] == [number]
    entry = store.directory().find_key("key")
    assert entry is not None
    assert entry.channel_id == "new"
    with pytest.raises(StateError, match="there is no channel old"):
        store.channels.find("old")


def test_a_removed_channel_takes_its_keys_with_it(store: StateStore) -> None:
    store.channels.add(ChannelRule("a"))
    store.keys.add("a", "key")
    store.channels.remove("a")
    store.channels.add(ChannelRule("a"))
    assert store.keys.of_channel("a") == []
    assert store.directory().find_key("key") is None


def test_an_id_is_given_once(store: StateStore) -> None:
    for channel_id in ("a", "b"):
        store.channels.add(ChannelRule(channel_id))
    before = store.revision()
    with pytest.raises(StateError, match=r"there is a channel a already: .* 'headrace channels set a' changes it"):
        store.channels.add(ChannelRule("a"))
    with pytest.raises(StateError, match="there is a channel b already"):
        store.channels.rename("a", "b")
    assert store.revision() == before


def test_a_new_id_has_to_be_one(store: StateStore) -> None:
    store.channels.add(ChannelRule("a"))
    with pytest.raises(ChannelIdError):
        store.channels.rename("a", "../b")


def test_a_channel_that_is_not_there_is_named_with_what_to_do(store: StateStore) -> None:
    for attempt in (
        lambda: store.channels.find("none"),
        lambda: store.channels.change(ChannelRule("none")),
        lambda: store.channels.rename("none", "other"),
        lambda: store.channels.remove("none"),
    ):
        with pytest.raises(StateError, match=r"there is no channel none: .*'headrace channels add none' makes it"):
            attempt()
    assert store.revision() == 0
