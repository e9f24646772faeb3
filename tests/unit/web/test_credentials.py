"""What a request shows for itself."""

import pytest
from starlette.requests import Request

from headrace.web.credentials import (
    MAX_CREDENTIAL_CHARACTERS,
    bearer_credential,
    message_credential,
    viewer_credential,
)


def request(authorization: str | None = None, query: str = "") -> Request:
    headers = [] if authorization is None else [(b"authorization", authorization.encode())]
    return Request({"type": "http", "headers": headers, "query_string": query.encode()})


@pytest.mark.parametrize(
    ("authorization", "credential"),
    [
        ("Bearer hrk_abc", "hrk_abc"), ("bearer   hrk_abc ", "hrk_abc"), ("Bearer ", None), ("Bearer", None),
        ("Basic dXNlcjpwYXNz", None), ("hrk_abc", None), (None, None),
    ],
)  # fmt: skip
def test_a_bearer_credential_is_taken_and_nothing_else(authorization: str | None, credential: str | None) -> None:
    assert bearer_credential(request(authorization)) == credential


def test_players_that_set_no_headers_say_it_in_the_address() -> None:
    assert viewer_credential(request(query="token=abc")) == "abc"
    assert viewer_credential(request("Bearer header", "token=abc")) == "header"
    assert viewer_credential(request(query="token=")) is None
    assert viewer_credential(request()) is None
    assert bearer_credential(request(query="token=abc")) is None


def test_what_is_too_long_to_be_one_is_cut() -> None:
    assert len(bearer_credential(request("Bearer " + "x" * 5000)) or "") == MAX_CREDENTIAL_CHARACTERS
    assert len(viewer_credential(request(query="token=" + "x" * 5000)) or "") == MAX_CREDENTIAL_CHARACTERS
    assert len(message_credential("x" * 5000) or "") == MAX_CREDENTIAL_CHARACTERS


def test_what_a_message_has_for_one_can_be_made_bytes_of_whatever_it_is() -> None:
    assert message_credential(" abc ") == "abc"
    for nothing in (None, "", " ", 7, ["abc"]):
        assert message_credential(nothing) is None
    assert (message_credential("\ud800\udfff") or "").encode() == b"??"
