"""What the API answers where something is wrong."""

import pytest
from fastapi import FastAPI
from tests.support.web_client import ask

from headrace.base.channel_id import check_channel_id
from headrace.store.errors import ConflictError, MissingError, StateError
from headrace.web.api_errors import add_error_handlers, responses
from headrace.web.gateway import GatewayRefusal


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (MissingError("there is none"), 404), (ConflictError("it is taken"), 409),
        (StateError("it is broken"), 503), (GatewayRefusal(2404, "no session"), 404),
    ],
)  # fmt: skip
def test_each_kind_of_trouble_has_its_status(error: Exception, status: int) -> None:
    app = FastAPI()
    add_error_handlers(app)

    @app.get("/")
    async def fail() -> None:
        raise error

    answer = ask(app, "GET", "/")
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert str(error) in answer.json()["detail"]


def test_an_id_that_is_none_is_told_so() -> None:
    app = FastAPI()
    add_error_handlers(app)

    @app.get("/")
    async def fail() -> None:
        check_channel_id("")

    assert ask(app, "GET", "/").status_code == 422


def test_every_request_may_be_refused_in_the_same_ways() -> None:
    assert set(responses(404)) == {400, 401, 404, 413, 422, 429}
