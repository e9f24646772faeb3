"""Bodies of requests, within limits of size and time, before anything else sees them.

Source: ``docs/operate/http.md``, "limits".
"""

import asyncio
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from headrace.web.problems import problem

MAX_BODY_BYTES: Final = 64 * 1024
"""A browser's offer with twenty codecs has 12 kB."""
BODY_SECONDS: Final = 10.0
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class BodyLimit:
    """Takes the body, and hands it on in one piece.

    Args:
        app: What is inside.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or scope["method"] not in _WITH_BODY:
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _read(scope, receive)
        except TimeoutError:
            detail = f"the body did not come within {BODY_SECONDS:.0f} s: send it again"
            await problem(408, detail, headers={"Connection": "close"})(scope, receive, send)
            return
        if body is None:
            detail = f"the body is longer than {MAX_BODY_BYTES} bytes, which is the most that is taken"
            await problem(413, detail, headers={"Connection": "close"})(scope, receive, send)
            return
        await self._app(scope, _replay(body, receive), send)


async def _read(scope: Scope, receive: Receive) -> bytes | None:
    """Return the whole body, None if it is too long; what has come of it where the peer hangs up."""
    announced = dict(scope["headers"]).get(b"content-length", b"")
    if announced.isdigit() and int(announced) > MAX_BODY_BYTES:
        return None
    data = bytearray()
    while True:
        message = await receive()
        data += message.get("body", b"")
        if len(data) > MAX_BODY_BYTES:
            return None
        if message["type"] != "http.request" or not message.get("more_body", False):
            return bytes(data)


def _replay(body: bytes, receive: Receive) -> Receive:
    has_been_read = False

    async def replay() -> Message:
        nonlocal has_been_read
        if has_been_read:
            return await receive()
        has_been_read = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
