"""Tokens: what is signed, what is checked, and that nothing malformed gets through or raises."""

import json
from base64 import urlsafe_b64encode
from dataclasses import replace
from hashlib import sha256
from hmac import new as hmac
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.access.ask import Verb
from headrace.access.directory import TokenKey
from headrace.access.tokens import (
    MAX_CHANNELS,
    MAX_TOKEN_CHARACTERS,
    TokenClaims,
    TokenFault,
    check_token,
    sign_token,
)

NOW_S = 1_800_000_000
SECRET = b"0123456789abcdef0123456789abcdef"
SEED = bytes(range(32))
PUBLIC_KEY = Ed25519PrivateKey.from_private_bytes(SEED).public_key().public_bytes_raw()
HS256 = TokenKey("studio", "headrace", "k1", "HS256", SECRET)
EDDSA = TokenKey("studio", "headrace", "k2", "EdDSA", PUBLIC_KEY)
CLAIMS: dict[str, Any] = {
    "iss": "studio",
    "aud": "headrace",
    "exp": NOW_S + 60,
    "channel": "cam1",
    "verb": "request",
}
HEADER: dict[str, Any] = {"alg": "HS256", "kid": "k1", "typ": "JWT"}


def part(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(claims: Any = CLAIMS, header: Any = HEADER, secret: bytes = SECRET) -> str:
    """Return a token of HMAC SHA-256, made by hand."""
    signing_input = f"{part(header)}.{part(claims)}"
    return f"{signing_input}.{part(hmac(secret, signing_input.encode(), sha256).digest())}"


def why(token: str, keys: tuple[TokenKey, ...] = (HS256, EDDSA)) -> str:
    fault = check_token(token, keys, NOW_S)
    assert isinstance(fault, TokenFault), fault
    return fault.why


def test_a_token_of_another_program_is_read() -> None:
    assert check_token(signed(), [HS256], NOW_S) == TokenClaims(("cam1",), Verb.REQUEST, NOW_S + 60, None, HS256)


@pytest.mark.parametrize(("key", "secret"), [(HS256, SECRET), (EDDSA, SEED)])
@pytest.mark.parametrize("verb", list(Verb))
def test_what_is_signed_is_what_is_read(key: TokenKey, secret: bytes, verb: Verb) -> None:
    token = sign_token(key, secret, "cam1", verb, expires_unix_s=NOW_S + 1, token_id="abc")
    assert check_token(token, [HS256, EDDSA], NOW_S) == TokenClaims(("cam1",), verb, NOW_S + 1, "abc", key)


def test_a_token_leaves_room_in_a_stream_id_for_the_longest_channel_id() -> None:
    token = sign_token(EDDSA, SEED, "c" * 64, Verb.REQUEST, expires_unix_s=NOW_S, token_id="a" * 16)
    assert len(f"#!::r={'c' * 64},m=request,t={token}") <= 512


def test_a_token_may_be_for_several_channels() -> None:
    claims = check_token(signed({**CLAIMS, "channel": ["cam1", "cam2"]}), [HS256], NOW_S)
    assert isinstance(claims, TokenClaims)
    assert claims.channel_ids == ("cam1", "cam2")


def test_a_token_without_a_verb_is_for_watching() -> None:
    claims = {name: value for name, value in CLAIMS.items() if name != "verb"}
    checked = check_token(signed(claims), [HS256], NOW_S)
    assert isinstance(checked, TokenClaims)
    assert checked.verb is Verb.REQUEST


def test_the_audience_may_be_one_of_several() -> None:
    assert isinstance(check_token(signed({**CLAIMS, "aud": ["web", "headrace"]}), [HS256], NOW_S), TokenClaims)


@pytest.mark.parametrize("field", ["exp", "iss", "aud", "channel"])
def test_a_token_needs_each_of_its_claims(field: str) -> None:
    claims = {name: value for name, value in CLAIMS.items() if name != field}
    assert why(signed(claims))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"exp": NOW_S}, "the token has expired"),
        ({"exp": NOW_S + 0.5}, "the token has expired"),
        ({"nbf": NOW_S + 1}, "the token is not valid yet"),
        ({"iss": "other"}, "the token is of another issuer"),
        ({"iss": ["studio"]}, "the token is of another issuer"),
        ({"aud": "other"}, "the token is for another audience"),
        ({"aud": {"headrace": 1}}, "the token is for another audience"),
        ({"exp": float("nan")}, "claim exp of the token is no time"),
        ({"exp": float("inf")}, "claim exp of the token is no time"),
        ({"exp": 1000 * NOW_S**2}, "claim exp of the token is no time"),
        ({"exp": -1}, "claim exp of the token is no time"),
        ({"exp": True}, "claim exp of the token is no time"),
        ({"exp": str(NOW_S + 60)}, "claim exp of the token is no time"),
        ({"exp": [NOW_S + 60]}, "claim exp of the token is no time"),
        ({"nbf": "now"}, "claim nbf of the token is no time"),
        ({"nbf": float("nan")}, "claim nbf of the token is no time"),
        ({"verb": "delete"}, "claim verb of the token is neither request nor publish"),
        ({"verb": None}, "claim verb of the token is neither request nor publish"),
        ({"verb": ["request"]}, "claim verb of the token is neither request nor publish"),
        *[
            ({"channel": channel}, "claim channel of the token is no channel id, nor a list of some")
            for channel in (None, "", "../etc", 1, [], ["cam1", 2], {"cam1": 1}, ["c"] * (MAX_CHANNELS + 1))
        ],
    ],
)
def test_a_signed_token_with_a_wrong_claim_says_what_is_wrong(changes: dict[str, Any], reason: str) -> None:
    assert why(signed({**CLAIMS, **changes})) == reason


def test_a_token_is_valid_from_nbf_on_and_until_before_exp() -> None:
    token = signed({**CLAIMS, "nbf": NOW_S, "exp": NOW_S + 1})
    assert isinstance(check_token(token, [HS256], NOW_S), TokenClaims)
    assert check_token(token, [HS256], NOW_S - 1) == TokenFault("the token is not valid yet")
    assert check_token(token, [HS256], NOW_S + 1) == TokenFault("the token has expired")


def test_a_signature_of_another_secret_proves_nothing() -> None:
    assert why(signed(secret=b"x" * 32)) == "the token's signature is wrong"


def test_each_part_of_a_token_is_signed() -> None:
    header, payload, signature = signed().split(".")
    other_header = part({**HEADER, "x": 1})
    other_payload = part({**CLAIMS, "channel": "cam2"})
    for token in (
        f"{other_header}.{payload}.{signature}",
        f"{header}.{other_payload}.{signature}",
        f"{header}.{payload}.{part(bytes(32))}",
    ):
        assert why(token) == "the token's signature is wrong"


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "NONE", "", None, "HS384", "RS256", "ES256", "EdDSA", 1, []]
)
def test_the_algorithm_is_that_of_our_key(algorithm: object) -> None:
    assert why(signed(header={**HEADER, "alg": algorithm})) == "the token's signature is wrong"


def test_a_token_without_signature_is_none() -> None:
    unsigned = f"{part({**HEADER, 'alg': 'none'})}.{part(CLAIMS)}."
    assert why(unsigned) == "this is no token"


def test_a_public_key_is_no_secret() -> None:
    forms = [PUBLIC_KEY, PUBLIC_KEY.hex().encode(), urlsafe_b64encode(PUBLIC_KEY)]
    public = Ed25519PrivateKey.from_private_bytes(SEED).public_key()
    encoding, kind = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    for secret in (*forms, public.public_bytes(encoding, kind)):
        token = signed(header={**HEADER, "kid": "k2"}, secret=secret)
        assert why(token) == "the token's signature is wrong"


def test_the_key_is_found_by_its_id_and_old_and_new_ones_live_side_by_side() -> None:
    new = TokenKey("studio", "headrace", "k3", "HS256", b"n" * 32)
    for key, secret in ((HS256, SECRET), (new, b"n" * 32)):
        token = sign_token(key, secret, "cam1", Verb.REQUEST, expires_unix_s=NOW_S + 1)
        assert isinstance(check_token(token, [HS256, new], NOW_S), TokenClaims)
    assert why(token, (HS256,)) == "no key is known that the token could be signed with"


def test_a_token_that_names_no_key_is_checked_with_all() -> None:
    token = signed(header={"alg": "HS256"})
    assert isinstance(check_token(token, [EDDSA, replace(HS256, key=b"o" * 32), HS256], NOW_S), TokenClaims)


def test_no_more_than_four_keys_are_tried() -> None:
    others = [replace(HS256, key=bytes([number]) * 32) for number in range(4)]
    token = signed(header={"alg": "HS256"})
    assert isinstance(check_token(token, [*others[:3], HS256], NOW_S), TokenClaims)
    assert check_token(token, [*others, HS256], NOW_S) == TokenFault("the token's signature is wrong")


def test_an_extension_that_must_be_understood_is_not() -> None:
    assert why(signed(header={**HEADER, "crit": ["b64"], "b64": True})).startswith("the token's header asks")
    assert why(signed(header={**HEADER, "crit": ["b64"], "b64": False})) == "the token is malformed"
    assert why(signed(header={**HEADER, "crit": ["exp"], "exp": 1})) == "the token is malformed"


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b",
        "a.b.c.d",
        "hunter2",
        "ünïcode.a.b",
        "!!!.a.b",
        f"{part(b'nonsense')}.{part(CLAIMS)}.AAAA",
        f"{part([1])}.{part(CLAIMS)}.AAAA",
        f"{part(b'[' * 300)}.e30.AAAA",
        f"{part({**HEADER, 'kid': 7})}.e30.AAAA",
        f"{part({**HEADER, 'kid': ['k1']})}.e30.AAAA",
        f"{part(HEADER)}.{part(b'nonsense')}.AAAA",
        "a" * 600 + ".b.c",
        signed(b"[" * 250),
        signed(b'{"a":' * 50),
        signed(b"\xff\xfe"),
        signed([]),
        signed("text"),
        signed(7),
        signed(b'{"exp": 1e999}'),
        signed(b'{"exp": ' + b"9" * 250 + b"}"),
    ],
)
def test_what_is_malformed_is_a_fault_and_never_an_exception(token: str) -> None:
    assert why(token)


@settings(max_examples=200)
@given(st.text(max_size=600) | st.from_regex(r"[A-Za-z0-9_-]{0,200}\.[A-Za-z0-9_-]{0,200}\.[A-Za-z0-9_-]{0,90}"))
def test_no_text_raises(text: str) -> None:
    assert why(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=200)
@given(st.sampled_from([*CLAIMS, "nbf", "jti"]), JSON, st.sampled_from([*HEADER, "crit", "b64"]), JSON)
def test_no_signed_claim_or_header_raises(claim: str, value: Any, name: str, header_value: Any) -> None:
    for token in (signed({**CLAIMS, claim: value}), signed(header={**HEADER, name: header_value})):
        assert isinstance(check_token(token, [HS256, EDDSA], NOW_S), TokenClaims | TokenFault)


def test_a_token_of_512_characters_is_read_and_a_longer_one_is_not_looked_at() -> None:
    tokens = [signed({**CLAIMS, "x": "y" * length}) for length in range(150, 230)]
    good = [token for token in tokens if isinstance(check_token(token, [HS256], NOW_S), TokenClaims)]
    assert [token for token in tokens if len(token) <= MAX_TOKEN_CHARACTERS] == good
    assert MAX_TOKEN_CHARACTERS - 2 <= len(good[-1]) < len(tokens[-1])


def test_a_token_id_that_would_spoil_a_log_is_left_out() -> None:
    for value in ("a\nb", "", "x" * 65, 7, None):
        claims = check_token(signed({**CLAIMS, "jti": value}), [HS256], NOW_S)
        assert isinstance(claims, TokenClaims)
        assert claims.token_id is None


def test_no_fault_shows_anything_of_the_token() -> None:
    for token in (
        signed({**CLAIMS, "iss": "hunter2", "channel": "hunter2/"}),
        signed({**CLAIMS, "exp": "hunter2"}),
    ):
        assert "hunter2" not in why(token)
