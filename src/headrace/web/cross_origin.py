"""What pages of other origins may do here: watch, produce and read what is public, with what they know themselves.

Nothing here goes by cookies or by a password that a browser keeps, and no answer lets a browser send one, so a
page gets no further than its visitor's own key or token.

Source: Fetch, 3.2 (CORS); RFC 9725, 4.7; mediamtx #5975 (CORS with stored credentials).
"""

import re
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SESSIONS: Final = re.compile(r"/whep/.+|/whip(/.+)?")
_READ: Final = re.compile(r"/api/v1/channels(/[^/]+)?|/api/v1/events|/thumbnails/.+")
EXPOSED_HEADERS: Final = "Location, ETag, Link, Accept-Patch, Retry-After, WWW-Authenticate"
ALLOWED_HEADERS: Final = "Authorization, Content-Type, If-Match, Last-Event-ID"
PREFLIGHT_SECONDS: Final = 7200


class CrossOrigin:
    """Answers preflight requests, and lets answers be read.

    Args:
        app: What is inside.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        methods = open_methods(scope["path"]) if scope["type"] == "http" else ()
        headers = dict(scope.get("headers", ()))
        if methods and scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
            answer = {**_PREFLIGHT_HEADERS, "Access-Control-Allow-Methods": ", ".join(methods)}
            await Response(status_code=204, headers=answer)(scope, receive, send)
            return
        # Of a session they may also read what is answered to a wrong method.
        if not methods or not (scope["method"] in methods or _SESSIONS.fullmatch(scope["path"])):
            await self._app(scope, receive, send)
            return

        async def send_open(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                answer["Access-Control-Allow-Origin"] = "*"
                answer["Access-Control-Expose-Headers"] = EXPOSED_HEADERS
            await send(message)

        await self._app(scope, receive, send_open)


def open_methods(path: str) -> tuple[str, ...]:
    """Return what pages of other origins may do with what is at ``path``; nothing of what is the admin's."""
    if _SESSIONS.fullmatch(path):
        return ("POST", "PATCH", "DELETE", "OPTIONS", "GET")
    return ("GET", "HEAD", "OPTIONS") if _READ.fullmatch(path) else ()


_PREFLIGHT_HEADERS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": ALLOWED_HEADERS,
    "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
}
