import pytest

from headrace.access.directory import TokenKey
from headrace.store.errors import StateError
from headrace.store.state_store import StateStore
from headrace.store.token_key_records import OWN_AUDIENCE, OWN_ISSUER


def own(key_id: str) -> TokenKey:
    return TokenKey(OWN_ISSUER, OWN_AUDIENCE, key_id, "HS256", key_id.encode() * 32)


def foreign(key_id: str, issuer: str = "shop.example") -> TokenKey:
    return TokenKey(issuer, "videos", key_id, "EdDSA", bytes(range(224, 256)))


def test_our_own_key_is_made_once(store: StateStore) -> None:
    assert store.token_keys.own() is None
    assert store.token_keys.own_or(own("1")) == own("1")
    before = store.revision()
    assert store.token_keys.own_or(own("2")) == own("1") == store.token_keys.own()
    assert store.revision() == before
    assert store.directory().token_keys == (own("1"),)


def test_after_a_rotation_new_tokens_have_the_new_key_and_old_ones_hold(store: StateStore) -> None:
    store.token_keys.own_or(own("1"))
    store.token_keys.rotate(own("2"))
    store.token_keys.rotate(own("3"))
    assert store.token_keys.own() == own("3")
    assert set(store.directory().token_keys) == {own("1"), own("2"), own("3")}
    retired = {one.token_key.key_id: one.retired_unix_s is not None for one in store.token_keys.list_all()}
    assert retired == {"1": True, "2": True, "3": False}


def test_another_issuers_keys_replace_what_it_had(store: StateStore) -> None:
    store.token_keys.own_or(own("1"))
    store.token_keys.trust([foreign("1"), foreign("2")])
    store.token_keys.trust([foreign("1", "other.example")])
    store.token_keys.trust([foreign("2"), foreign("3")])
    assert set(store.directory().token_keys) == {
        own("1"), foreign("1", "other.example"), foreign("2"), foreign("3"),
    }  # fmt: skip
    assert store.token_keys.own() == own("1")


def test_nobody_else_can_be_us(store: StateStore) -> None:
    with pytest.raises(StateError, match="the issuer headrace is this broker itself"):
        store.token_keys.trust([own("1")])
    assert store.token_keys.own() is None


def test_an_issuer_can_be_forgotten(store: StateStore) -> None:
    store.token_keys.own_or(own("1"))
    store.token_keys.trust([foreign("1")])
    store.token_keys.forget("shop.example")
    assert store.directory().token_keys == (own("1"),)
    with pytest.raises(StateError, match="there is no issuer shop"):
        store.token_keys.forget("shop.example")


def test_a_listed_key_does_not_show_itself(store: StateStore) -> None:
    store.token_keys.own_or(own("s"))
    assert "ssss" not in repr(store.token_keys.list_all())
