"""What the routes of sessions have in common: what is wrong with a request is answered as a problem.

Source: RFC 9457 (problem details); RFC 9725, 4.
"""

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from headrace.web.gateway import GatewayRefusal, StaleEtagError
from headrace.web.problems import problem, refusal

ALL_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
"""All that may come: who sends a wrong one is told which are right."""

Handler: TypeAlias = Callable[[Request], Awaitable[Response]]


def guarded(handler: Handler) -> Handler:
    """Return a handler that answers what is wrong with a problem document."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except GatewayRefusal as error:
            return refusal(error)
        except UnicodeDecodeError:
            return problem(400, "the body is no UTF-8 text")
        except StaleEtagError:
            return problem(412, "the session has another ETag by now: send If-Match with that, or with *")

    return answer


def not_allowed(methods: str, detail: str) -> Response:
    """Return the answer to a method that there is not here."""
    return problem(405, detail, headers={"Allow": methods})


def wrong_type(wanted: str, headers: dict[str, str]) -> Response:
    """Return the answer to a body of another type."""
    return problem(415, f"the body is to be {wanted}: say so in Content-Type", headers=headers)


def media_type(request: Request) -> str:
    """Return the type of a body, as its sender says."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
