"""The body of a request, within limits of size and time.

Source: ``docs/decisions/0024-http.md``.
"""

import asyncio
from typing import Final

from starlette.requests import ClientDisconnect, Request

from headrace.base.errors import HeadraceError

MAX_BODY_BYTES: Final = 64 * 1024
"""A browser's offer with twenty codecs has 12 kB."""
BODY_SECONDS: Final = 10.0


class BodyError(HeadraceError):
    """The body cannot be taken.

    Attributes:
        status: Of HTTP.
    """

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


async def read_text(request: Request) -> str:
    """Return the body as text.

    Raises:
        BodyError: It is too long (413), no UTF-8 (400), or does not come (408).
    """
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > MAX_BODY_BYTES:
        raise _too_long()
    data = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.stream():
                data += piece
                if len(data) > MAX_BODY_BYTES:
                    raise _too_long()
        return data.decode()
    except TimeoutError:
        raise BodyError(408, f"the body did not come within {BODY_SECONDS:.0f} s: send it again") from None
    except ClientDisconnect:
        raise BodyError(400, "the body ended early: send it again") from None
    except UnicodeDecodeError:
        raise BodyError(400, "the body is no UTF-8 text") from None


def media_type(request: Request) -> str:
    """Return the type of the body, without parameters and in small letters; empty where it is not said."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _too_long() -> BodyError:
    return BodyError(413, f"the body is longer than {MAX_BODY_BYTES} bytes, which is the most that is taken")
