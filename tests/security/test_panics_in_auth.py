"""Whatever comes in the place of a key or token is refused with a code: no caller ends the broker.

Source: mediamtx #5566 (the answer to a failed authentication panicked), #4966, #5030.
"""

import json
from base64 import urlsafe_b64encode
from random import Random

import pytest
from jwt.api_jws import PyJWS
from tests.support.access import KEYS, TOKEN_KEY, TOKEN_SECRET, closed_directory, token
from tests.support.broker_world import START_UNIX_US, World

from headrace.access.ask import Verb
from headrace.access.directory import TokenKey
from headrace.access.tokens import TokenFault, check_token, sign_token
from headrace.srt.caller import CallerOptions
from headrace.srt.rejection import ConnectionRejectedError

NOW_S = START_UNIX_US // 1_000_000
ODD: list[object] = [
    None,
    True,
    0,
    -1,
    1e300,
    float("nan"),
    float("inf"),
    "",
    "x" * 300,
    [],
    {},
    [[]],
    {"a": {}},
    "9" * 30,
]


def part(value: object) -> str:
    """Return one part of a token."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return urlsafe_b64encode(raw).decode().rstrip("=")


def signed(claims: object, key: TokenKey = TOKEN_KEY) -> str:
    """Return a token with these claims and a good signature."""
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    return PyJWS().encode(payload, TOKEN_SECRET, algorithm="HS256", headers={"kid": key.key_id})


GOOD = {"iss": "studio", "aud": "headrace", "exp": NOW_S + 60, "channel": "private", "verb": "request"}


@pytest.mark.parametrize("name", ["iss", "aud", "exp", "nbf", "channel", "verb", "jti"])
def test_no_value_of_a_claim_is_more_than_a_fault(name: str) -> None:
    for value in ODD:
        found = check_token(signed({**GOOD, name: value}), [TOKEN_KEY], NOW_S)
        harmless = (
            name == "jti"
            or (name == "channel" and value == "9" * 30)
            or (name == "nbf" and value in (None, 0))
            or (name == "exp" and value is None)
        )
        assert isinstance(found, TokenFault) or harmless, value


@pytest.mark.parametrize("name", ["alg", "typ", "kid", "crit", "b64", "zip", "jwk", "x5u", "jku"])
def test_no_value_in_a_header_is_more_than_a_fault(name: str) -> None:
    for value in [*ODD, "none", "None", "HS256", "EdDSA", "RS256", ["b64"], False]:
        header = {"alg": "HS256", "typ": "JWT", "kid": "k1", name: value}
        for signature in ("", "A", "AAAA", part(bytes(32))):
            found = check_token(f"{part(header)}.{part(GOOD)}.{signature}", [TOKEN_KEY], NOW_S)
            assert isinstance(found, TokenFault)


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b"null", b"{", b"[" * 300, b'{"exp":' + b"9" * 200, b"\xff\xfe", b'"x"', b"1"]
)
def test_claims_that_are_no_claims_are_a_fault(payload: bytes) -> None:
    assert isinstance(check_token(signed(payload), [TOKEN_KEY], NOW_S), TokenFault)


def test_a_token_that_proves_itself_proves_nothing() -> None:
    """No algorithm, and our public key taken for a secret: the two old ways past a check of tokens."""
    public = TokenKey("studio", "headrace", "k1", "EdDSA", bytes(32))
    unsigned = f"{part({'alg': 'none', 'kid': 'k1'})}.{part(GOOD)}.x"
    with_public = PyJWS().encode(json.dumps(GOOD).encode(), bytes(32), algorithm="HS256", headers={"kid": "k1"})
    for forged in (unsigned, with_public):
        for key in (public, TOKEN_KEY):
            assert isinstance(check_token(forged, [key], NOW_S), TokenFault)


def test_what_is_nearly_a_token_is_a_fault_in_all_of_its_bytes() -> None:
    good, random = token(), Random(1)
    assert not isinstance(check_token(good, [TOKEN_KEY], NOW_S), TokenFault)
    for at in range(len(good) - 1):
        spoilt = good[:at] + random.choice("aZ0-_.=/\n\0é") + good[at + 1 :]
        assert spoilt == good or isinstance(check_token(spoilt, [TOKEN_KEY], NOW_S), TokenFault)
        assert isinstance(check_token(good[:at], [TOKEN_KEY], NOW_S), TokenFault)


CREDENTIALS = [
    "",
    "x",
    "hrk_",
    "HRK_" + "A" * 32,
    KEYS["cam1"][:-1],
    KEYS["cam1"] + "a",
    "eyJ",
    "eyJ.eyJ.",
    "..",
    "a.b.c",
    "é" * 60,
    "\0" * 20 + "x",
    "\x1b[2J",
    "=" * 30,
    ":" * 30,
    f"{part({'alg': 'HS256', 'kid': 'k1'})}.{part([])}.AAAA",
]
FORMS = [
    "publish:cam1:{}",
    "request:private:{}",
    "{}",
    "#!::r=cam1,m=publish,k={}",
    "#!::r=private,t={}",
    "#!::m=publish,s={}",
]


@pytest.mark.parametrize("form", FORMS)
def test_no_credential_ends_a_broker_and_each_that_is_wrong_is_refused(form: str) -> None:
    world = World(directory=closed_directory())
    producer = world.join(f"publish:cam1:{KEYS['cam1']}")
    for credential in CREDENTIALS:
        caller = world.call(form.format(credential))
        world.run(1_000_000)
        assert caller.caller.connection is None, credential
        assert isinstance(caller.caller.error, ConnectionRejectedError)
        assert caller.caller.error.code in {2400, 2401, 2403, 2404, 2409}
    assert producer.connection.close_reason is None
    assert world.join("cam1").connection.close_reason is None


def test_a_refused_caller_that_asks_again_and_again_is_refused_again_and_again() -> None:
    """The answer to a refusal is where mediamtx broke."""
    world = World(directory=closed_directory())
    caller = world.call("publish:cam1:wrong")
    world.run(3_000_000)
    assert isinstance(caller.caller.error, ConnectionRejectedError)
    assert CallerOptions().connect_timeout_us == 3_000_000
    assert world.endpoint.refused_connections[2401] >= 1
    signature_of_others = sign_token(TOKEN_KEY, bytes(32), "private", Verb.REQUEST, expires_unix_s=NOW_S + 60)
    assert isinstance(check_token(signature_of_others, [TOKEN_KEY], NOW_S), TokenFault)
