"""The API's other half."""

from typing import Any

import pytest
from starlette.applications import Starlette
from tests.support.web_client import ADMIN, ask, web_parts

from headrace.web.app import make_app

METHODS = {"get", "put", "post", "delete", "patch"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    answer = ask(make_app(web_parts()), "GET", "/api/v1/openapi.json")
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture
def app() -> Starlette:
    return make_app(web_parts())


def test_the_document_names_every_path_that_is_promised(document: dict[str, Any]) -> None:
    assert {
        "/status", "/channels", "/channels/{channel_id}", "/channel-records", "/channel-records/{channel_id}",
        "/keys", "/keys/{channel_id}/{key_id}", "/tokens", "/producers/{socket_id}", "/subscribers/{socket_id}",
        "/sessions/{session_id}", "/channels/{channel_id}/chat", "/channels/{channel_id}/chat/{line_id}",
        "/channels/{channel_id}/muted/{name}",
    } == set(document["paths"])  # fmt: skip
    assert document["servers"] == [{"url": "/api/v1"}]


def test_everything_but_what_is_public_needs_the_admin_token(app: Starlette, document: dict[str, Any]) -> None:
    names = {
        "channel_id": "a",
        "key_id": "1",
        "line_id": "1",
        "socket_id": "00000002",
        "session_id": "s",
        "name": "n",
    }
    tried = 0
    for path, operations in document["paths"].items():
        for method in METHODS & set(operations):
            if path in {"/channels", "/channels/{channel_id}"}:
                continue
            for headers in ({}, {"Authorization": "Bearer hra_wrong"}, {"Authorization": "Basic YTpi"}):
                answer = ask(app, method.upper(), f"/api/v1{path.format(**names)}", headers=headers, content=b"{}")
                assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer"), (method, path)
                assert answer.headers["content-type"] == "application/problem+json"
            assert operations[method]["security"]
            tried += 1
    assert tried >= 13


def test_what_is_not_there_is_a_problem(app: Starlette) -> None:
    answer = ask(app, "GET", "/api/v1/nothing", headers=ADMIN)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_there_is_no_page_that_fetches_scripts_from_elsewhere(app: Starlette) -> None:
    for path in ("docs", "redoc"):
        assert ask(app, "GET", f"/api/v1/{path}", headers=ADMIN).status_code == 404


def test_a_wrong_method_is_told_all_that_are_right(app: Starlette) -> None:
    for path, methods in (("keys", "GET, POST"), ("channels", "GET"), ("channels/a/muted/b", "DELETE, PUT")):
        answer = ask(app, "TRACE", f"/api/v1/{path}", headers=ADMIN)
        assert (answer.status_code, answer.headers["allow"]) == (405, methods)
