"""What the routes of sessions have in common."""

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from tests.support.web_client import ask

from headrace.web.gateway import GatewayRefusal, StaleEtagError
from headrace.web.session_requests import Guarded, matched_etags, media_type, not_allowed, wrong_type


def app_that(error: Exception | None = None, answer: Response | None = None) -> Starlette:
    async def handle(request: Request) -> Response:
        if error is not None:
            raise error
        return answer or Response(media_type(request))

    return Starlette(routes=[Route("/", Guarded(handle))])


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (GatewayRefusal(2404, "there is none"), 404),
        (StaleEtagError(), 412),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no"), 400),
    ],
)
def test_what_is_wrong_is_a_problem_with_its_status(error: Exception, status: int) -> None:
    answer = ask(app_that(error), "POST", "/")
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_a_type_has_no_parameters_and_no_capitals() -> None:
    assert ask(app_that(), "POST", "/", headers={"Content-Type": "Application/JSON; charset=utf-8"}).text == (
        "application/json"
    )
    assert ask(app_that(), "GET", "/").text == ""


@pytest.mark.parametrize("method", ["TRACE", "PROPFIND", "GET", "HEAD", "PATCH"])
def test_every_method_comes_to_what_knows_which_are_right(method: str) -> None:
    answer = ask(app_that(answer=not_allowed("POST", "send it")), method, "/")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    ("text", "etags"),
    [
        ("*", None),
        (" * ", None),
        ('"one"', {"one"}),
        ('"one", "two","three"', {"one", "two", "three"}),
        ('W/"one", "two"', {"two"}),
        ('"a, b"', {"a, b"}),
        ("one", {"one"}),
        ('""', {""}),
        ("", set()),
        (", ,", set()),
        ('"one", *', {"one", "*"}),
    ],
)
def test_a_list_of_etags_has_each_strong_one(text: str, etags: set[str] | None) -> None:
    request = Request({"type": "http", "headers": [(b"if-match", text.encode())]})
    assert matched_etags(request) == etags


def test_a_list_of_etags_may_be_in_several_headers() -> None:
    request = Request({"type": "http", "headers": [(b"if-match", b'"one"'), (b"if-match", b'"two"')]})
    assert matched_etags(request) == frozenset({"one", "two"})


def test_who_is_wrong_is_told_what_is_right() -> None:
    answer = ask(app_that(answer=not_allowed("GET", "read it")), "PUT", "/")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    answer = ask(app_that(answer=wrong_type("a/b", {"Accept-Post": "a/b"})), "POST", "/")
    assert (answer.status_code, answer.headers["accept-post"]) == (415, "a/b")
    assert "a/b" in answer.json()["detail"]
