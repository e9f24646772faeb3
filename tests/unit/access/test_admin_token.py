"""The token of the operator."""

import pytest

from headrace.access.admin_token import ADMIN_RANDOM_BYTES, hash_admin_token, is_admin_token, make_admin_token


def test_a_token_has_its_prefix_and_all_of_its_randomness() -> None:
    assert make_admin_token(bytes(ADMIN_RANDOM_BYTES)) == "hra_" + "a" * 32
    assert make_admin_token(b"\xff" * ADMIN_RANDOM_BYTES) == "hra_" + "7" * 32
    with pytest.raises(ValueError, match="20 random bytes, not 19"):
        make_admin_token(bytes(19))


def test_a_token_is_known_by_its_digest_among_others_and_nothing_else_is() -> None:
    digests = [hash_admin_token("one token"), hash_admin_token("another token")]
    assert is_admin_token("another token", digests)
    for wrong in (
        "",
        "one",
        "one token ",
        "ONE TOKEN",
        digests[0].hex(),
        "\ud800".encode(errors="replace").decode(),
    ):
        assert not is_admin_token(wrong, digests)
    assert not is_admin_token("one token", [])
