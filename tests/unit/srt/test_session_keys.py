"""The keys of a connection, and where they come from."""

import pytest

from headrace.srt.session_keys import KeySource, Parity, SessionKeys

SALT = bytes(range(16))


def test_each_parity_is_the_other_one_s_other() -> None:
    assert (Parity.EVEN.other, Parity.ODD.other) == (Parity.ODD, Parity.EVEN)


def test_keys_are_found_by_parity() -> None:
    keys = SessionKeys(SALT, even=b"e" * 24, odd=b"o" * 24)
    assert (keys.key(Parity.EVEN), keys.key(Parity.ODD)) == (b"e" * 24, b"o" * 24)
    assert (keys.key_length_bytes, keys.first_parity) == (24, Parity.EVEN)


def test_an_odd_key_alone_is_the_one_to_begin_with() -> None:
    keys = SessionKeys(SALT, odd=b"o" * 32)
    assert (keys.key_length_bytes, keys.first_parity, keys.key(Parity.EVEN)) == (32, Parity.ODD, None)


def test_nothing_secret_shows() -> None:
    assert repr(SessionKeys(SALT, b"e" * 16, b"o" * 16, b"k" * 16)) == "SessionKeys()"


@pytest.mark.parametrize(
    ("salt", "even", "odd"),
    [
        (SALT[:15], b"e" * 16, None),
        (SALT, None, None),
        (SALT, b"e" * 15, None),
        (SALT, b"e" * 16, b"o" * 32),
    ],
)
def test_lengths_that_no_peer_agrees_on_are_errors(salt: bytes, even: bytes | None, odd: bytes | None) -> None:
    with pytest.raises(ValueError, match="bytes, not"):
        SessionKeys(salt, even, odd)


def test_a_source_never_gives_the_same_twice_and_repeats_itself_from_the_same_seed() -> None:
    source, twin = KeySource(b"s" * 32), KeySource(b"s" * 32)
    made = [source.make(length) for length in (16, 16, 24, 32, 32)]
    assert [len(key) for key in made] == [16, 16, 24, 32, 32]
    assert len({key[:16] for key in made}) == 5
    assert made == [twin.make(length) for length in (16, 16, 24, 32, 32)]
    assert KeySource(b"t" * 32).make(16) != made[0]


def test_a_seed_is_32_bytes() -> None:
    with pytest.raises(ValueError, match="32 bytes, not 31"):
        KeySource(bytes(31))
