"""What the routes of sessions have in common."""

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from tests.support.web_client import ask

from headrace.web.gateway import GatewayRefusal, StaleEtagError
from headrace.web.session_requests import ALL_METHODS, guarded, media_type, not_allowed, wrong_type


def app_that(error: Exception | None = None, answer: Response | None = None) -> Starlette:
    async def handle(request: Request) -> Response:
        if error is not None:
            raise error
        return answer or Response(media_type(request))

    return Starlette(routes=[Route("/", guarded(handle), methods=ALL_METHODS)])


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


def test_who_is_wrong_is_told_what_is_right() -> None:
    answer = ask(app_that(answer=not_allowed("GET", "read it")), "PUT", "/")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    answer = ask(app_that(answer=wrong_type("a/b", {"Accept-Post": "a/b"})), "POST", "/")
    assert (answer.status_code, answer.headers["accept-post"]) == (415, "a/b")
    assert "a/b" in answer.json()["detail"]
