"""What is wrong with a request, as a document that a person can act on.

Source: RFC 9457 (problem details); RFC 6750, 3 (WWW-Authenticate).
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from starlette.responses import JSONResponse

from headrace.access.gate import BAD_REQUEST, FORBIDDEN, NOT_FOUND, OVERLOAD, UNAUTHORIZED
from headrace.srt.rejection import RejectReason
from headrace.web.gateway import GatewayRefusal

MEDIA_TYPE: Final = "application/problem+json"
RETRY_SECONDS: Final = 5
"""A full broker, or one that is being asked too much, is tried again after this."""

_STATUS: Final[Mapping[int, HTTPStatus]] = {
    BAD_REQUEST: HTTPStatus.BAD_REQUEST,
    UNAUTHORIZED: HTTPStatus.UNAUTHORIZED,
    OVERLOAD: HTTPStatus.SERVICE_UNAVAILABLE,
    FORBIDDEN: HTTPStatus.FORBIDDEN,
    NOT_FOUND: HTTPStatus.NOT_FOUND,
    RejectReason.UNACCEPTABLE: HTTPStatus.NOT_ACCEPTABLE,
    RejectReason.CONFLICT: HTTPStatus.CONFLICT,
    RejectReason.BAD_SECRET: HTTPStatus.FORBIDDEN,
    RejectReason.UNSECURE: HTTPStatus.FORBIDDEN,
}
_ADVICE: Final[Mapping[int, str]] = {
    UNAUTHORIZED: "send a stream key, or a token that is still good, as 'Authorization: Bearer ...'",
    OVERLOAD: "try again in some seconds",
    NOT_FOUND: "look at the id",
    RejectReason.CONFLICT: "end that producer first, or try again when it has gone",
    RejectReason.BAD_SECRET: "the channel is encrypted: no browser can watch it",
    RejectReason.UNSECURE: "the channel is encrypted: no browser can watch it",
}


def problem(
    status: int,
    detail: str,
    *,
    title: str | None = None,
    code: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Return an answer that says what is wrong.

    Args:
        status: Of HTTP.
        detail: What it is this time, and what to do.
        title: What kind it is; by default what HTTP says of the status.
        code: Of SRT's refusals, if one was behind it.
        headers: Sent too.
    """
    document: dict[str, str | int] = {
        "title": title or HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
    }
    if code is not None:
        document["code"] = code
    return JSONResponse(document, status, {"Cache-Control": "no-store", **(headers or {})}, MEDIA_TYPE)


def refusal(error: GatewayRefusal) -> JSONResponse:
    """Return the answer for what the broker did not do."""
    status = _STATUS.get(error.code, HTTPStatus.BAD_GATEWAY)
    advice = _ADVICE.get(error.code)
    headers = {}
    if status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_SECONDS)
    detail = f"{error.why}: {advice}" if advice else error.why
    return problem(status, detail, code=error.code, headers=headers)
