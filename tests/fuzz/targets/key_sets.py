"""JWKS files: keys that other programs write, for tokens that they sign."""

import json
from base64 import urlsafe_b64encode
from random import Random
from typing import Final

from tests.fuzz.target import Target
from tests.fuzz.wrong import make_wrong

from headrace.access.jwks import MAX_KEYS, JwksError, read_jwks
from headrace.access.tokens import TokenFault, check_token

_SECRET: Final = urlsafe_b64encode(bytes(range(32))).decode().rstrip("=")
_PARTS: Final = (
    b'"',
    b"[",
    b"{",
    b"}",
    b"null",
    b"NaN",
    b"-1",
    b"[" * 50,
    b"\\ud800",
    b'"kid"',
    b'"oct"',
    b'"OKP"',
    b"=",
)


def run(data: bytes) -> int:
    """Read a set, and check a token with what is in it."""
    try:
        keys = read_jwks(data.decode("utf-8", "replace"), issuer="i", audience="a")
    except JwksError as error:
        assert _SECRET not in str(error)
        return len(data)
    assert len(keys.keys) + len(keys.skipped) <= MAX_KEYS
    # The same text may stand in the file as a name, which is no secret.
    names = [name for key in keys.keys for name in (key.issuer, key.audience, key.key_id)]
    assert _SECRET not in repr(keys) or any(_SECRET in name for name in names)
    for key in keys.keys:
        assert key.algorithm in {"HS256", "EdDSA"}
        header = urlsafe_b64encode(json.dumps({"alg": key.algorithm}).encode()).decode().rstrip("=")
        assert isinstance(check_token(f"{header}.e30.{'A' * 86}", [key], 0), TokenFault)
    return len(data)


def seeds() -> list[bytes]:
    """Return sets with keys that can be used, and with others."""
    keys = [
        {"kty": "oct", "k": _SECRET, "kid": "k1", "alg": "HS256"},
        {"kty": "OKP", "crv": "Ed25519", "x": _SECRET, "kid": "k2", "use": "sig", "iss": "i", "aud": "a"},
        {"kty": "RSA", "n": "x", "kid": "k3"},
        {"kty": "OKP", "crv": "X25519", "x": _SECRET, "kid": "k4", "use": "enc"},
    ]
    return [json.dumps({"keys": some}).encode() for some in (keys, keys[:1], keys[1:2], [])]


def wrong(data: bytes, random: Random) -> bytes:
    """Return the text with a piece too much, or a byte wrong."""
    if random.random() < 0.5:
        return make_wrong(data, random)
    at = random.randrange(len(data) + 1)
    return data[:at] + random.choice(_PARTS) + data[at + random.choice((0, 0, 1, 4)) :]


TARGET = Target(run, seeds, wrong, max_bytes=1024, base_lines=3_000, lines_per_byte=10)
