"""What a request shows for itself: a stream key, a token, or the admin's.

Source: RFC 6750, 2.1 (bearer tokens).
"""

from starlette.requests import HTTPConnection

MAX_CREDENTIAL_CHARACTERS = 1024
"""Tokens have 512 at most."""


def bearer_credential(request: HTTPConnection) -> str | None:
    """Return what came as ``Authorization: Bearer``; None for nothing. Anything may stand in it."""
    kind, _, credential = request.headers.get("authorization", "").partition(" ")
    credential = credential.strip()
    if kind.lower() != "bearer" or not credential:
        return None
    # One that is longer is no good: cut, it is none either.
    return credential[:MAX_CREDENTIAL_CHARACTERS]


def viewer_credential(request: HTTPConnection) -> str | None:
    """Return the same, or what came as ``?token=``, for players and sockets that cannot set headers."""
    credential = bearer_credential(request)
    if credential is None:
        credential = request.query_params.get("token", "").strip()[:MAX_CREDENTIAL_CHARACTERS] or None
    return credential


def message_credential(said: object) -> str | None:
    """Return what stands for a credential in a message of JSON; None for nothing. Anything may stand in it."""
    if not isinstance(said, str):
        return None
    # JSON has halves of characters, which no bytes stand for: with others in their place it is no good either.
    return said.encode(errors="replace").decode().strip()[:MAX_CREDENTIAL_CHARACTERS] or None
