"""What pages of other origins may do."""

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from tests.support.web_client import ask

from headrace.web.cross_origin import CrossOrigin, open_methods


async def answer(_: Request) -> PlainTextResponse:
    return PlainTextResponse("here", headers={"ETag": '"1"'})


APP = Starlette(
    routes=[Route("/{anything:path}", answer, methods=["GET", "POST", "OPTIONS"])],
    middleware=[Middleware(CrossOrigin)],
)
PREFLIGHT = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}


@pytest.mark.parametrize("path", ["/whep/a", "/whip", "/whip/a/b", "/api/v1/channels", "/thumbnails/a.jpg"])
def test_any_page_may_watch_produce_and_read_what_is_public(path: str) -> None:
    headers = ask(APP, "OPTIONS", path, headers=PREFLIGHT).headers
    assert headers["access-control-allow-origin"] == "*"
    assert {"Authorization", "Last-Event-ID"} <= set(headers["access-control-allow-headers"].split(", "))
    reads = path.startswith(("/api", "/thumb"))
    assert ("POST" in headers["access-control-allow-methods"]) is not reads
    exposed = ask(APP, "GET" if reads else "POST", path, headers=PREFLIGHT).headers[
        "access-control-expose-headers"
    ]
    assert "Location" in exposed
    assert "ETag" in exposed


@pytest.mark.parametrize("method", ["PUT", "HEAD", "PROPFIND"])
def test_of_a_session_the_answer_to_a_wrong_method_may_be_read_but_a_preflight_does_not_allow_it(
    method: str,
) -> None:
    for path in ("/whep/a", "/whip", "/whep/a/b"):
        assert ask(APP, method, path, headers=PREFLIGHT).headers["access-control-allow-origin"] == "*"
        allowed = ask(APP, "OPTIONS", path, headers=PREFLIGHT).headers["access-control-allow-methods"]
        assert method not in allowed.split(", ")


def test_what_is_open_to_be_read_is_not_open_to_be_changed() -> None:
    answer = ask(APP, "POST", "/api/v1/channels", headers=PREFLIGHT)
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "path", ["/", "/api/v1/channels/a/chat", "/api/v1/keys", "/api/v1/status", "/metrics", "/chat/a", "/whipped"]
)
def test_no_page_of_another_origin_may_read_anything_else(path: str) -> None:
    assert not open_methods(path)
    for method in ("GET", "OPTIONS"):
        assert not [name for name in ask(APP, method, path, headers=PREFLIGHT).headers if "access-control" in name]


def test_no_answer_lets_a_browser_send_what_it_keeps() -> None:
    for path in ("/whep/a", "/whip", "/api/v1/channels"):
        for method in ("GET", "OPTIONS", "POST"):
            assert "access-control-allow-credentials" not in ask(APP, method, path, headers=PREFLIGHT).headers
