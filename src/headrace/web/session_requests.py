"""What the routes of sessions have in common: what is wrong with a request is answered as a problem.

Source: RFC 9457 (problem details); RFC 9725, 4; RFC 9110, 13.1.1 (If-Match).
"""

import re
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from headrace.web.gateway import GatewayRefusal, StaleEtagError
from headrace.web.problems import problem, refusal

Handler: TypeAlias = Callable[[Request], Awaitable[Response]]

_ETAG: Final = re.compile(r'(W/)?"([^"]*)"|[^\s,]+')


class Guarded:
    """Answers what is wrong with a problem document, and takes every method, to tell which are right.

    A route that lists methods would itself answer those that it has never heard of, with its list.

    Args:
        handler: Does what is asked for.
    """

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        response = await self._answer(Request(scope, receive, send))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        try:
            return await self._handler(request)
        except GatewayRefusal as error:
            return refusal(error)
        except UnicodeDecodeError:
            return problem(400, "the body is no UTF-8 text")
        except StaleEtagError:
            return problem(412, "the session has another ETag by now: send If-Match with that, or with *")


def not_allowed(methods: str, detail: str) -> Response:
    """Return the answer to a method that there is not here."""
    return problem(405, detail, headers={"Allow": methods})


def wrong_type(wanted: str, headers: dict[str, str]) -> Response:
    """Return the answer to a body of another type."""
    return problem(415, f"the body is to be {wanted}: say so in Content-Type", headers=headers)


def matched_etags(request: Request) -> frozenset[str] | None:
    """Return those of ``If-Match`` without their quotes, or None for ``*``, which any state matches.

    Weak ones are left out: they match nothing. One without quotes is taken for what it is meant to be.
    """
    text = ",".join(request.headers.getlist("if-match"))
    if text.strip() == "*":
        return None
    # "using the strong comparison function" (13.1.1): two weak ones, or a weak and a strong one, are not the same.
    found = [one for one in _ETAG.finditer(text) if one[1] is None]
    return frozenset(one[0] if one[2] is None else one[2] for one in found)


def media_type(request: Request) -> str:
    """Return the type of a body, as its sender says."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
