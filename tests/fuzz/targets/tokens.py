"""Tokens: whole ones from the wire, and signed ones whose claims or header are anything.

The first byte of an input says what the rest is: a token, claims to be signed, or a header to be signed.
"""

import json
from base64 import urlsafe_b64encode
from hashlib import sha256
from hmac import new as hmac
from random import Random
from typing import Final

from tests.fuzz.target import Target
from tests.fuzz.wrong import make_wrong

from headrace.access.ask import Ask, Verb
from headrace.access.channel_rule import ChannelRule, Visibility
from headrace.access.directory import Directory, TokenKey
from headrace.access.gate import Denial, Gate
from headrace.access.tokens import MAX_TOKEN_CHARACTERS, TokenClaims, check_token

_NOW_S: Final = 1_800_000_000
_SECRET: Final = bytes(range(32))
_KEY: Final = TokenKey("studio", "headrace", "k1", "HS256", _SECRET)
_GATE: Final = Gate(Directory.of(1, [ChannelRule("cam1", Visibility.PRIVATE)], token_keys=[_KEY]))
_CLAIMS: Final = {"iss": "studio", "aud": "headrace", "exp": _NOW_S + 60, "channel": "cam1", "verb": "request"}
_HEADER: Final = {"alg": "HS256", "kid": "k1", "typ": "JWT"}
_TOKEN, _SIGNED_CLAIMS, _SIGNED_HEADER = range(3)
_PARTS: Final = (
    b"1e999", b"NaN", b"-1", b"true", b"null", b"[", b"{", b'"', b"}", b"]", b"9" * 40, b"\\ud800", b"\xff", b".",
    b'"none"', b'"EdDSA"', b'"publish"', b'"crit":["b64"],', b'"b64":false,', b'"kid":7,', b"[" * 90, b"=",
)  # fmt: skip


def run(data: bytes) -> int:
    """Check it, and show it at the gate."""
    token = _token(data[:1], data[1:])
    checked = check_token(token, _GATE.directory.token_keys, _NOW_S)
    answer = _GATE.ask(Ask(Verb.REQUEST, "cam1", token), _NOW_S)
    if isinstance(checked, TokenClaims):
        assert len(token) <= MAX_TOKEN_CHARACTERS
        assert data[:1] in {bytes([_SIGNED_CLAIMS]), bytes([_SIGNED_HEADER])} or data[1:] in _known()
        assert checked.expires_unix_s > _NOW_S
        assert checked.channel_ids
    else:
        assert isinstance(answer, Denial)
        assert answer.code == 2401
        assert len(answer.why) < 100
        assert answer.why.isprintable()
    return len(token)


def _known() -> set[bytes]:
    return {_sign(_json(_HEADER), _json(_CLAIMS)).encode()}


def _token(kind: bytes, rest: bytes) -> str:
    if kind == bytes([_SIGNED_CLAIMS]):
        return _sign(_json(_HEADER), rest)
    if kind == bytes([_SIGNED_HEADER]):
        return _sign(rest, _json(_CLAIMS))
    return rest.decode(errors="replace")


def _sign(header: bytes, claims: bytes) -> str:
    signed = f"{_part(header)}.{_part(claims)}"
    return f"{signed}.{_part(hmac(_SECRET, signed.encode(), sha256).digest())}"


def _part(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def seeds() -> list[bytes]:
    """Return a good token in each of the three ways, and some that are not."""
    token = _sign(_json(_HEADER), _json(_CLAIMS)).encode()
    claims = [_CLAIMS, {**_CLAIMS, "nbf": 0, "jti": "a", "channel": ["cam1", "cam2"]}, {**_CLAIMS, "exp": 1}]
    return [
        bytes([_TOKEN]) + token,
        bytes([_TOKEN]) + token.rpartition(b".")[0] + b".",
        *(bytes([_SIGNED_CLAIMS]) + _json(one) for one in claims),
        bytes([_SIGNED_HEADER]) + _json(_HEADER),
        bytes([_SIGNED_HEADER]) + _json({"alg": "none", "crit": ["exp"]}),
    ]


def wrong(data: bytes, random: Random) -> bytes:
    """Return it with a piece too much, or a byte wrong."""
    if random.random() < 0.4:
        return make_wrong(data, random)
    at = random.randrange(1, len(data) + 1) if data else 0
    return data[:at] + random.choice(_PARTS) + data[at + random.choice((0, 0, 1, 4)) :]


TARGET = Target(run, seeds, wrong, max_bytes=700, lines_per_byte=100)
