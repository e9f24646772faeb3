"""What pages of other origins may do here: watch, produce and read what is public, with what they know themselves.

Nothing here goes by cookies or by a password that a browser keeps, and no answer lets a browser send one, so a
page gets no further than its visitor's own key or token.

Source: Fetch, 3.2 (CORS); RFC 9725, 4.7; mediamtx #5975 (CORS with stored credentials).
"""

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

OPEN_PATHS: Final = ("/whep/", "/whip/", "/api/v1/channels", "/thumbnails/")
"""What begins so is open to every origin, and ``/whip``."""
EXPOSED_HEADERS: Final = "Location, ETag, Link, Accept-Patch, Retry-After, WWW-Authenticate"
ALLOWED_HEADERS: Final = "Authorization, Content-Type, If-Match"
ALLOWED_METHODS: Final = "GET, POST, PATCH, DELETE, OPTIONS"
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
        if scope["type"] != "http" or not is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        if scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
            await Response(status_code=204, headers=_PREFLIGHT_HEADERS)(scope, receive, send)
            return

        async def send_open(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                answer["Access-Control-Allow-Origin"] = "*"
                answer["Access-Control-Expose-Headers"] = EXPOSED_HEADERS
            await send(message)

        await self._app(scope, receive, send_open)


def is_open(path: str) -> bool:
    """Return whether pages of other origins may use what is at ``path``."""
    return path == "/whip" or path.startswith(OPEN_PATHS)


_PREFLIGHT_HEADERS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": ALLOWED_METHODS,
    "Access-Control-Allow-Headers": ALLOWED_HEADERS,
    "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
}
