"""JWKS files and what is made of them."""

import json
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.access.directory import TokenKey
from headrace.access.jwks import MAX_JWKS_BYTES, MAX_KEYS, Jwks, JwksError, read_jwks

SECRET = b"0123456789abcdef0123456789abcdef"


def b64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


OCT: dict[str, Any] = {"kty": "oct", "kid": "k1", "alg": "HS256", "k": b64(SECRET)}
OKP: dict[str, Any] = {"kty": "OKP", "crv": "Ed25519", "kid": "k2", "x": b64(bytes(32))}
RSA: dict[str, Any] = {"kty": "RSA", "kid": "k3", "alg": "RS256", "n": "AQAB", "e": "AQAB"}


def read(*keys: object) -> Jwks:
    return read_jwks(json.dumps({"keys": keys}), issuer="studio", audience="headrace")


def test_secrets_and_public_keys_are_read_in_their_order() -> None:
    assert read(OCT, OKP).keys == (
        TokenKey("studio", "headrace", "k1", "HS256", SECRET),
        TokenKey("studio", "headrace", "k2", "EdDSA", bytes(32)),
    )


def test_a_byte_order_mark_before_a_set_is_passed_over() -> None:
    text = json.dumps({"keys": [OCT]})
    assert read_jwks(f"\ufeff{text}", issuer="studio", audience="headrace") == read(OCT)


def test_a_key_may_name_its_own_issuer_and_audience() -> None:
    key = read({**OKP, "iss": "https://id.example", "aud": "tv"}).keys[0]
    assert (key.issuer, key.audience) == ("https://id.example", "tv")


def test_keys_of_other_kinds_are_skipped_and_named() -> None:
    others = [RSA, {**OCT, "alg": "HS512"}, {**OKP, "crv": "X25519"}, {**OKP, "use": "enc"}, {}]
    jwks = read(*others, OCT)
    assert [key.key_id for key in jwks.keys] == ["k1"]
    assert jwks.skipped[0] == "key 1 (RSA RS256)"
    assert jwks.skipped[-1] == "key 5 (of no known kind)"
    assert len(jwks.skipped) == len(others)


def test_a_private_key_in_the_file_is_not_kept() -> None:
    assert read({**OKP, "d": b64(SECRET)}) == read(OKP)


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ({**OCT, "k": b64(SECRET[:-1])}, "key 1: a key for HS256 has 32 bytes, not 31"),
        ({**OKP, "x": b64(bytes(33))}, "key 1: a key for EdDSA has 32 bytes, not 33"),
        ({**OCT, "k": "A"}, "key 1: its bytes are no base64url"),
        ({**OCT, "k": "ü" * 43}, "key 1: its bytes are no base64url"),
        ({**OCT, "k": 7}, 'key 1 needs a text as its "k"'),
        ({**OCT, "kid": None}, 'key 1 needs a text as its "kid"'),
        ({**OCT, "kid": ["k1"]}, 'key 1 needs a text as its "kid"'),
        ({**OCT, "iss": 1}, 'key 1 needs a text as its "iss"'),
        ({**OCT, "aud": ["tv"]}, 'key 1 needs a text as its "aud"'),
        ("text", "key 1 is no JSON object"),
    ],
)
def test_a_broken_key_says_what_is_wrong_and_shows_nothing_of_itself(key: object, reason: str) -> None:
    with pytest.raises(JwksError) as error:
        read(key)
    assert str(error.value) == reason
    assert b64(SECRET)[:8] not in str(error.value)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"keys": {}}', "null", "[" * 5000, "\0"])
def test_what_is_no_jwk_set_is_an_error(text: str) -> None:
    with pytest.raises(JwksError):
        read_jwks(text, issuer="studio", audience="headrace")


def test_a_file_is_not_larger_and_has_no_more_keys_than_the_limits() -> None:
    assert len(read(*[OCT] * MAX_KEYS).keys) == MAX_KEYS
    with pytest.raises(JwksError, match="at most 64 keys"):
        read(*[OCT] * (MAX_KEYS + 1))
    with pytest.raises(JwksError, match="at most 65536 bytes"):
        read_jwks(" " * (MAX_JWKS_BYTES + 1), issuer="studio", audience="headrace")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=100)
@given(st.sampled_from([*OCT, *OKP, "iss", "aud", "use"]), JSON)
def test_any_member_may_be_anything(member: str, value: Any) -> None:
    for key in (OCT, OKP):
        try:
            read({**key, member: value})
        except JwksError:
            continue
