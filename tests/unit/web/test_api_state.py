"""The API of what the broker keeps."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.web_client import ADMIN, ask, web_parts

from headrace.access.ask import Ask, Verb
from headrace.access.gate import Gate, Grant
from headrace.access.tokens import TokenClaims, check_token
from headrace.netio.clock import unix_time_us
from headrace.store.location import parse_location
from headrace.store.state_store import StateStore
from headrace.web.app import make_app


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StateStore]:
    with StateStore(parse_location(str(tmp_path))) as opened:
        yield opened


def call(store: StateStore | None, method: str, path: str, body: Any = None) -> httpx.Response:
    headers = {**ADMIN, "Content-Type": "application/json"}
    content = None if body is None else json.dumps(body)
    return ask(make_app(web_parts(store=store)), method, f"/api/v1{path}", headers=headers, content=content)


def test_a_channel_is_made_shown_changed_and_removed(store: StateStore) -> None:
    made = call(store, "POST", "/channel-records", {"channel_id": "1AAA99"})
    assert made.status_code == 201
    assert made.json()["visibility"] == "public"
    assert call(store, "POST", "/channel-records", {"channel_id": "1AAA99"}).status_code == 409
    changed = call(store, "PATCH", "/channel-records/1AAA99", {"visibility": "private"})
    assert (changed.status_code, changed.json()["visibility"]) == (200, "private")
    assert [one["channel_id"] for one in call(store, "GET", "/channel-records").json()["channels"]] == ["1AAA99"]
    assert call(store, "DELETE", "/channel-records/1AAA99").status_code == 204
    assert call(store, "DELETE", "/channel-records/1AAA99").status_code == 404
    assert call(store, "PATCH", "/channel-records/1AAA99", {"visibility": "public"}).status_code == 404


def test_a_key_is_shown_once_opens_its_channel_and_is_revoked(store: StateStore) -> None:
    assert call(store, "POST", "/keys", {"channel_id": "A"}).status_code == 404
    call(store, "POST", "/channel-records", {"channel_id": "A"})
    made = call(store, "POST", "/keys", {"channel_id": "A", "label": "camera"})
    assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
    key = made.json()["key"]
    granted = Gate(store.directory()).ask(Ask(Verb.PUBLISH, None, key), 0)
    assert isinstance(granted, Grant)
    listed = call(store, "GET", "/keys")
    assert [(one["key_id"], one["label"]) for one in listed.json()["keys"]] == [(made.json()["key_id"], "camera")]
    assert key not in listed.text
    assert call(store, "DELETE", f"/keys/A/{made.json()['key_id']}").status_code == 204
    assert not isinstance(Gate(store.directory()).ask(Ask(Verb.PUBLISH, None, key), 0), Grant)
    assert call(store, "DELETE", "/keys/A/999").status_code == 404


def test_a_token_is_made_for_a_channel_that_there_is(store: StateStore) -> None:
    assert call(store, "POST", "/tokens", {"channel_id": "A", "seconds": 60}).status_code == 404
    call(store, "POST", "/channel-records", {"channel_id": "A", "visibility": "private"})
    made = call(store, "POST", "/tokens", {"channel_id": "A", "seconds": 60, "name": "Anna"})
    assert made.status_code == 201
    unix_s = unix_time_us() // 1_000_000
    claims = check_token(made.json()["token"], store.directory().token_keys, unix_s)
    assert isinstance(claims, TokenClaims)
    assert (claims.channel_ids, claims.verb, claims.name) == (("A",), Verb.REQUEST, "Anna")
    assert 55 <= claims.expires_unix_s - unix_s <= 61


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/channel-records", {"channel_id": "../x"}), ("/channel-records", {"channel_id": "a", "more": 1}),
        ("/channel-records", []), ("/channel-records", {"channel_id": "x" * 65}),
        ("/channel-records", {"channel_id": "hrk_abc"}), ("/channel-records", {"channel_id": "a\n"}),
        ("/keys", {"channel_id": "a", "label": "x" * 65}), ("/keys", {"channel_id": "a", "label": "a\x00"}),
        ("/tokens", {"channel_id": "a", "seconds": 0}), ("/tokens", {"channel_id": "a", "seconds": 10**9}),
    ],
)  # fmt: skip
def test_what_has_another_form_is_refused_and_not_repeated(store: StateStore, path: str, body: Any) -> None:
    answer = call(store, "POST", path, body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert "hrk_abc" not in answer.text
    assert store.channels.list_all() == []


def test_without_a_state_nothing_can_be_kept() -> None:
    for method, path, body in (
        ("GET", "/keys", None),
        ("POST", "/channel-records", {"channel_id": "A"}),
        ("DELETE", "/keys/A/1", None),
    ):
        answer = call(None, method, path, body)
        assert answer.status_code == 409
        assert "without a state" in answer.json()["detail"]
