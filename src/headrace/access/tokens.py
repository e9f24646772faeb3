"""Tokens: JWTs that say who may watch which channel until when, signed by a key that the broker knows.

A token that is malformed in whatever way is a `TokenFault`, never an exception. The algorithm is that of our key;
what the token's header says of it must be the same, so ``none``, or a public key used as a secret, proves nothing.

Source: RFC 7519 (claims), RFC 8725 (what goes wrong), mediamtx #5566 (a token that stopped the server).
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from jwt import PyJWTError
from jwt.api_jws import PyJWS

from headrace.access.ask import Verb
from headrace.access.directory import TokenKey
from headrace.base.channel_id import check_channel_id
from headrace.base.errors import ChannelIdError

MAX_TOKEN_CHARACTERS: Final = 512
"""A longer one fits into no stream id."""
MAX_CHANNELS: Final = 16
"""In one token. Three parts of 512 characters have room for some thirty short ids."""
MAX_KEYS_TRIED: Final = 4
"""Of those with the token's ``kid``, or of all for a token without one: Ed25519 takes 100 us each."""
MAX_UNIX_S: Final = 1 << 40
"""In 36,000 years. A larger number is a slip, such as milliseconds in the place of seconds."""
MAX_TOKEN_ID_CHARACTERS: Final = 64
MAX_NAME_CHARACTERS: Final = 32
"""Of who speaks in a chat."""

CHANNEL_CLAIM: Final = "channel"
VERB_CLAIM: Final = "verb"
NAME_CLAIM: Final = "name"

_FORM: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_PRINTABLE: Final = re.compile(r"[!-~]+")
_JWS: Final = PyJWS(algorithms=["HS256", "EdDSA"])


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """What a good token says.

    Attributes:
        channel_ids: For which channels.
        verb: What may be done with them.
        expires_unix_s: Until before when.
        token_id: Claim ``jti``, for logs, or None.
        name: Claim ``name``, under which its holder speaks in the chat, or None.
        key: What signed it.
    """

    channel_ids: tuple[str, ...]
    verb: Verb
    expires_unix_s: int
    token_id: str | None
    key: TokenKey
    name: str | None = None


@dataclass(frozen=True, slots=True)
class TokenFault:
    """Why a token is worth nothing.

    Attributes:
        why: Shows nothing of it.
        is_signed: It was made by who has the key, so that nobody has guessed it.
    """

    why: str
    is_signed: bool = field(default=False, compare=False)


class _FaultError(Exception):
    """Carries a fault out of the checks."""


def check_token(token: str, keys: Sequence[TokenKey], unix_s: int) -> TokenClaims | TokenFault:
    """Return what ``token``, which may be any text, says; or what is wrong with it. Never raises.

    Args:
        token: From the wire.
        keys: What it may be signed with.
        unix_s: The time, seconds since 1970-01-01 UTC.
    """
    if len(token) > MAX_TOKEN_CHARACTERS or not _FORM.fullmatch(token):
        return TokenFault("this is no token")
    try:
        payload, key = _verify(token, keys)
    except _FaultError as fault:
        return TokenFault(str(fault))
    try:
        return _claims(_parse(payload), key, unix_s)
    except _FaultError as fault:
        return TokenFault(str(fault), is_signed=True)


def _verify(token: str, keys: Sequence[TokenKey]) -> tuple[bytes, TokenKey]:
    try:
        header = _JWS.get_unverified_header(token)
    except (PyJWTError, ValueError, RecursionError):
        raise _FaultError("the token is malformed") from None
    key_id, algorithm = header.get("kid"), header.get("alg")
    if "crit" in header:
        raise _FaultError("the token's header asks for what is not known here")
    candidates = [key for key in keys if key_id is None or key.key_id == key_id]
    if not candidates:
        raise _FaultError("no key is known that the token could be signed with")
    for key in candidates[:MAX_KEYS_TRIED]:
        if key.algorithm == algorithm and (payload := _payload(token, key)) is not None:
            return payload, key
    raise _FaultError("the token's signature is wrong")


def _payload(token: str, key: TokenKey) -> bytes | None:
    """Return the payload of a token that ``key`` has signed, else None."""
    secret: Any = key.key if key.algorithm == "HS256" else Ed25519PublicKey.from_public_bytes(key.key)
    try:
        decoded = _JWS.decode_complete(token, secret, algorithms=[key.algorithm])
    except (PyJWTError, ValueError, RecursionError):
        return None
    payload: bytes = decoded["payload"]
    return payload


def _parse(payload: bytes) -> dict[str, Any]:
    try:
        claims = json.loads(payload)
    except (ValueError, RecursionError):
        raise _FaultError("the token's claims are malformed") from None
    if not isinstance(claims, dict):
        raise _FaultError("the token's claims are malformed")
    return claims


def _claims(claims: dict[str, Any], key: TokenKey, unix_s: int) -> TokenClaims:
    if claims.get("iss") != key.issuer:
        raise _FaultError("the token is of another issuer")
    audience = claims.get("aud")
    if audience != key.audience and not (isinstance(audience, list) and key.audience in audience):
        raise _FaultError("the token is for another audience")
    expires_unix_s = _seconds(claims, "exp")
    if expires_unix_s is None:
        raise _FaultError("the token never expires: claim exp is missing")
    if unix_s >= expires_unix_s:
        raise _FaultError("the token has expired")
    not_before_unix_s = _seconds(claims, "nbf")
    if not_before_unix_s is not None and unix_s < not_before_unix_s:
        raise _FaultError("the token is not valid yet")
    return TokenClaims(_channel_ids(claims), _verb(claims), expires_unix_s, _token_id(claims), key, _name(claims))


def _seconds(claims: dict[str, Any], name: str) -> int | None:
    """Return a claim that is a time; NaN, infinity and True are none, though they are numbers to Python's JSON."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < MAX_UNIX_S:
        raise _FaultError(f"claim {name} of the token is no time")
    return int(value)


def _channel_ids(claims: dict[str, Any]) -> tuple[str, ...]:
    named = claims.get(CHANNEL_CLAIM)
    ids = named if isinstance(named, list) else [named]
    if not 0 < len(ids) <= MAX_CHANNELS:
        raise _FaultError(f"claim {CHANNEL_CLAIM} of the token is no channel id, nor a list of some")
    try:
        return tuple(check_channel_id(one if isinstance(one, str) else "") for one in ids)
    except ChannelIdError:
        raise _FaultError(f"claim {CHANNEL_CLAIM} of the token is no channel id, nor a list of some") from None


def _verb(claims: dict[str, Any]) -> Verb:
    try:
        return Verb(claims.get(VERB_CLAIM, Verb.REQUEST))
    except ValueError:
        raise _FaultError(f"claim {VERB_CLAIM} of the token is neither request nor publish") from None


def _token_id(claims: dict[str, Any]) -> str | None:
    value = claims.get("jti")
    if isinstance(value, str) and len(value) <= MAX_TOKEN_ID_CHARACTERS and _PRINTABLE.fullmatch(value):
        return value
    return None


def _name(claims: dict[str, Any]) -> str | None:
    value = claims.get(NAME_CLAIM)
    if isinstance(value, str) and 0 < len(value.strip()) <= MAX_NAME_CHARACTERS and value.isprintable():
        return value.strip()
    return None


def sign_token(
    key: TokenKey,
    secret: bytes,
    channel_id: str,
    verb: Verb,
    *,
    expires_unix_s: int,
    token_id: str | None = None,
    name: str | None = None,
) -> str:
    """Return a token.

    Args:
        key: What it will be checked with.
        secret: What signs it: the secret of HS256, or the 32 bytes of a private key of Ed25519.
        channel_id: For which channel.
        verb: To do what with it.
        expires_unix_s: Until before when, seconds since 1970-01-01 UTC.
        token_id: Names it in logs.
        name: Under which its holder speaks in the chat.
    """
    claims: dict[str, str | int] = {
        "iss": key.issuer,
        "aud": key.audience,
        "exp": expires_unix_s,
        CHANNEL_CLAIM: channel_id,
        VERB_CLAIM: str(verb),
    }
    if token_id is not None:
        claims["jti"] = token_id
    if name is not None:
        claims[NAME_CLAIM] = name
    signer: Any = secret if key.algorithm == "HS256" else Ed25519PrivateKey.from_private_bytes(secret)
    payload = json.dumps(claims, separators=(",", ":")).encode()
    return _JWS.encode(payload, signer, algorithm=key.algorithm, headers={"kid": key.key_id})
