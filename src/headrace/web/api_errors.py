"""What the API answers where something is wrong, and how its OpenAPI document says so."""

from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from headrace.base.errors import ChannelIdError
from headrace.store.errors import ConflictError, MissingError, StateError
from headrace.web.api_models import Problem
from headrace.web.gateway import GatewayRefusal
from headrace.web.open_paths import allowed_methods
from headrace.web.problems import MEDIA_TYPE, RETRY_SECONDS, problem, refusal

_DESCRIPTIONS: Final = {
    400: "The request makes no sense.",
    401: "The admin token is missing or wrong.",
    404: "There is no such thing.",
    408: "The body did not come in time.",
    409: "It cannot be done as things are.",
    413: "The body is too long.",
    422: "What was sent has another form.",
    429: "Too many requests from this address.",
    503: "The broker cannot do it now.",
}
ALWAYS: Final = (400, 401, 413, 422, 429)
"""May be the answer to every request."""


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the part of the OpenAPI document that says what is answered besides what was wanted."""
    return {
        status: {"description": _DESCRIPTIONS[status], "model": Problem, "content": {MEDIA_TYPE: {}}}
        for status in sorted({*ALWAYS, *statuses})
    }


def add_error_handlers(app: FastAPI) -> None:
    """Let all that goes wrong be answered with a problem document."""
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(StateError, _state)
    app.add_exception_handler(GatewayRefusal, _refused)
    app.add_exception_handler(ChannelIdError, _channel_id)


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    # What was sent is not repeated: it may be a secret.
    said = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:5]]
    return problem(422, "; ".join(said))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 401 or (error.status_code == 404 and error.detail != HTTPStatus.NOT_FOUND.phrase):
        return problem(error.status_code, error.detail, headers=error.headers)
    # A route knows its own methods alone, and nothing of those of another route at the same path.
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    allowed = allowed_methods(request.app.openapi(), path)
    if allowed and request.method not in allowed.split(", "):
        return problem(405, f"what can be done here is {allowed}", headers={"Allow": allowed})
    if error.status_code == 404:
        return problem(404, "there is nothing here: look at the address")
    return problem(error.status_code, error.detail, headers=error.headers)


async def _state(_: Request, error: Exception) -> Response:
    match error:
        case MissingError():
            return problem(404, str(error))
        case ConflictError():
            return problem(409, str(error))
    return problem(503, str(error), headers={"Retry-After": str(RETRY_SECONDS)})


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, GatewayRefusal)
    return refusal(error)


async def _channel_id(_: Request, error: Exception) -> Response:
    return problem(422, str(error))
