"""Whether somebody has the admin token."""

import asyncio
import json
from pathlib import Path

import pytest
from starlette.requests import Request
from tests.support.web_client import StateStandIn

from headrace.store.errors import StateError
from headrace.store.location import parse_location
from headrace.store.state_store import StateStore
from headrace.web.admin_gate import FRESH_US, AdminGate


def request(credential: str | None = None, query: bytes = b"") -> Request:
    headers = [] if credential is None else [(b"authorization", f"Bearer {credential}".encode())]
    return Request({"type": "http", "headers": headers, "query_string": query})


def test_the_token_of_the_broker_and_that_of_the_state_are_good(tmp_path: Path) -> None:
    with StateStore(parse_location(str(tmp_path))) as store:
        store.admin_tokens.replace("the state's token")
        gate = AdminGate(StateStandIn(store), "the broker's token", lambda: 0)
        assert asyncio.run(gate.is_admin(request("the state's token")))
        assert asyncio.run(gate.is_admin(request("the broker's token")))
        assert not asyncio.run(gate.is_admin(request("another")))
        assert not asyncio.run(gate.is_admin(request()))
        assert not asyncio.run(gate.is_admin(request(query=b"token=the%20state's%20token")))


def test_where_no_token_is_set_nobody_has_it() -> None:
    gate = AdminGate(StateStandIn(), None, lambda: 0)
    for credential in ("", "None", "x"):
        assert not asyncio.run(gate.is_token(credential))


def test_who_has_none_is_told_what_to_do() -> None:
    answer = asyncio.run(AdminGate(StateStandIn(), "good token", lambda: 0).refusal(request("s3cret")))
    assert answer is not None
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert "headrace tokens admin" in json.loads(bytes(answer.body))["detail"]
    assert "s3cret" not in bytes(answer.body).decode()


def test_a_new_token_is_good_within_a_second_and_a_lost_state_changes_nothing(tmp_path: Path) -> None:
    now_us = 0
    with StateStore(parse_location(str(tmp_path))) as store:
        state = StateStandIn(store)
        gate = AdminGate(state, None, lambda: now_us)
        store.admin_tokens.replace("first")
        assert asyncio.run(gate.is_token("first"))
        store.admin_tokens.replace("second")
        assert asyncio.run(gate.is_token("first"))
        assert state.uses == 1
        now_us += FRESH_US + 1
        assert asyncio.run(gate.is_token("second"))
        now_us += FRESH_US + 1
        state.failure = StateError("it is gone")
        assert asyncio.run(gate.is_token("second"))
        assert not asyncio.run(gate.is_token("first"))


@pytest.mark.parametrize("wrong", ["Good token", "good toke", "good token "])
def test_nearly_right_is_wrong(wrong: str) -> None:
    assert not asyncio.run(AdminGate(StateStandIn(), "good token", lambda: 0).is_token(wrong))
