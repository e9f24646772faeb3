"""The HTTP side as one application."""

import pytest
from starlette.applications import Starlette
from tests.support.web_client import DeskStandIn, GatewayStandIn, ask, web_parts

from headrace.web.app import make_app


@pytest.fixture
def app() -> Starlette:
    return make_app(web_parts(gateway=GatewayStandIn()))


def test_what_is_not_there_is_a_problem_that_says_so(app: Starlette) -> None:
    answer = ask(app, "GET", "/nothing")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert "look at the address" in answer.json()["detail"]


def test_a_wrong_method_is_a_problem_and_says_which_are_right(app: Starlette) -> None:
    answer = ask(app, "POST", "/healthz")
    assert (answer.status_code, set(answer.headers["allow"].split(", "))) == (405, {"GET", "HEAD"})
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_bug_shows_nothing_of_itself() -> None:
    class Broken(DeskStandIn):
        async def status(self, subscribers_of: str | None = None) -> dict[str, object]:
            raise ZeroDivisionError("s3cret")

    answer = ask(make_app(web_parts(Broken())), "GET", "/api/v1/channels")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "s3cret" not in answer.text


def test_without_webrtc_there_is_no_whep(app: Starlette) -> None:
    assert ask(app, "OPTIONS", "/whep/a").status_code == 204
    without = make_app(web_parts())
    assert ask(without, "OPTIONS", "/whep/a").status_code == 404


def test_pages_of_other_origins_read_the_list_and_even_that_the_limit_was_reached(app: Starlette) -> None:
    headers = {"Origin": "https://other.example"}
    statuses = {ask(app, "GET", "/api/v1/channels", headers=headers).status_code for _ in range(505)}
    assert statuses == {200, 429}
    answer = ask(app, "GET", "/api/v1/channels", headers=headers)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["x-content-type-options"] == "nosniff"
