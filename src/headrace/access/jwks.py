"""JWKS files: the keys that another program signs its tokens with.

A key may name its issuer and audience itself, with members ``iss`` and ``aud``: RFC 7517 (4) leaves room for them.

Source: RFC 7517 (JWK sets), RFC 7518 (6.4, secrets), RFC 8037 (2, Ed25519).
"""

import json
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from typing import Any, Final

from headrace.access.directory import Algorithm, TokenKey
from headrace.base.errors import HeadraceError

MAX_JWKS_BYTES: Final = 1 << 16
MAX_KEYS: Final = 64
"""An issuer has two while it rotates them; identity providers have some more of other kinds."""


class JwksError(HeadraceError, ValueError):
    """A file is no JWK set, or one of its keys is broken; the text shows nothing of a key."""


@dataclass(frozen=True, slots=True)
class Jwks:
    """What a JWKS file has.

    Attributes:
        keys: Those that can be used here, in their order.
        skipped: Of the others, what they are.
    """

    keys: tuple[TokenKey, ...]
    skipped: tuple[str, ...] = ()


def read_jwks(text: str, *, issuer: str, audience: str) -> Jwks:
    """Return the keys of a JWK set.

    Keys of other kinds than HS256 and Ed25519 are skipped: identity providers mix them.

    Args:
        text: The file.
        issuer: Claim ``iss`` of the tokens of keys that do not name it.
        audience: Claim ``aud`` that they must have, likewise.

    Raises:
        JwksError: It is none, it is too large, or a key of a known kind is broken.
    """
    entries = _entries(text)
    keys, skipped = [], []
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, dict):
            raise JwksError(f"key {number} is no JSON object")
        algorithm = _algorithm(entry)
        if algorithm is None:
            skipped.append(f"key {number} ({_kind(entry)})")
        else:
            keys.append(_token_key(entry, algorithm, number, issuer, audience))
    return Jwks(tuple(keys), tuple(skipped))


def _entries(text: str) -> list[Any]:
    if len(text.encode()) > MAX_JWKS_BYTES:
        raise JwksError(f"a JWKS file has at most {MAX_JWKS_BYTES} bytes")
    try:
        # "Implementations that parse JSON texts MAY ignore the presence of a byte order mark": RFC 8259, 8.1.
        document = json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        raise JwksError("this is no JSON") from None
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise JwksError('a JWKS file is a JSON object with a list "keys"')
    if len(entries) > MAX_KEYS:
        raise JwksError(f"a JWKS file has at most {MAX_KEYS} keys, this one has {len(entries)}")
    return entries


def _algorithm(entry: dict[str, Any]) -> Algorithm | None:
    if entry.get("use", "sig") != "sig":
        return None
    match entry.get("kty"), entry.get("crv"), entry.get("alg"):
        case "oct", _, "HS256" | None:
            return "HS256"
        case "OKP", "Ed25519", "EdDSA" | "Ed25519" | None:
            return "EdDSA"
    return None


def _kind(entry: dict[str, Any]) -> str:
    words = [entry.get(name) for name in ("kty", "crv", "alg", "use")]
    return " ".join(word for word in words if isinstance(word, str) and len(word) < 16) or "of no known kind"


def _token_key(entry: dict[str, Any], algorithm: Algorithm, number: int, issuer: str, audience: str) -> TokenKey:
    texts = {"kid": entry.get("kid"), "iss": entry.get("iss", issuer), "aud": entry.get("aud", audience)}
    for name, value in texts.items():
        if not isinstance(value, str) or not value:
            raise JwksError(f'key {number} needs a text as its "{name}"')
    member = "k" if algorithm == "HS256" else "x"
    try:
        key = urlsafe_b64decode(entry[member] + "==")
        return TokenKey(str(texts["iss"]), str(texts["aud"]), str(texts["kid"]), algorithm, key)
    except (KeyError, TypeError):
        raise JwksError(f'key {number} needs a text as its "{member}"') from None
    except ValueError as error:
        raise JwksError(f"key {number}: {_explain(error)}") from None


def _explain(error: ValueError) -> str:
    return str(error) if "a key for" in str(error) else "its bytes are no base64url"
