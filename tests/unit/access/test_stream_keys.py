"""Making stream keys and hashing them."""

from hashlib import sha256

import pytest

from headrace.access.stream_keys import hash_stream_key, make_stream_key
from headrace.base.stream_key import is_stream_key


def test_160_random_bits_become_a_key() -> None:
    assert make_stream_key(bytes(20)) == "hrk_" + "a" * 32
    assert make_stream_key(b"\xff" * 20) == "hrk_" + "7" * 32


def test_each_bit_changes_the_key_and_each_key_has_the_form() -> None:
    keys = {make_stream_key((1 << bit).to_bytes(20, "big")) for bit in range(160)}
    assert len(keys) == 160
    assert all(is_stream_key(key) for key in keys)


@pytest.mark.parametrize("length", [0, 19, 21])
def test_fewer_or_more_bits_make_none(length: int) -> None:
    with pytest.raises(ValueError, match=f"not {length}"):
        make_stream_key(bytes(length))


def test_what_is_kept_is_the_sha_256_of_the_whole_key() -> None:
    key = make_stream_key(bytes(range(20)))
    assert hash_stream_key(key) == sha256(key.encode()).digest()


def test_text_that_is_no_key_can_be_hashed_too() -> None:
    assert len(hash_stream_key("ünïcode \0")) == 32
