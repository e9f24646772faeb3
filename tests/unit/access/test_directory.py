"""Finding keys in a directory."""

from dataclasses import FrozenInstanceError

import pytest

from headrace.access.channel_rule import ChannelRule
from headrace.access.directory import OPEN_DIRECTORY, PREFIX_BYTES, Algorithm, Directory, KeyEntry, TokenKey
from headrace.access.stream_keys import hash_stream_key, make_stream_key

KEYS = [make_stream_key(bytes([number]) * 20) for number in range(3)]


def _directory() -> Directory:
    entries = [KeyEntry(number, f"cam{number}", hash_stream_key(key)) for number, key in enumerate(KEYS)]
    return Directory.of(7, [ChannelRule("cam0"), ChannelRule("cam1")], entries)


def test_each_key_is_found_with_its_channel() -> None:
    directory = _directory()
    found = [directory.find_key(key) for key in KEYS]
    assert [(entry.key_id, entry.channel_id) for entry in found if entry] == [
        (0, "cam0"),
        (1, "cam1"),
        (2, "cam2"),
    ]


@pytest.mark.parametrize("key", ["", "hrk_", KEYS[0][:-1], KEYS[0] + "a", KEYS[0].upper(), "cam0", "ü\0"])
def test_nothing_else_is(key: str) -> None:
    assert _directory().find_key(key) is None


def test_a_digest_that_only_begins_alike_opens_nothing() -> None:
    digest = hash_stream_key(KEYS[0])
    others = [
        bytes(byte ^ (0x80 if at == position else 0) for at, byte in enumerate(digest))
        for position in range(PREFIX_BYTES, 32)
    ]
    directory = Directory.of(1, keys=[KeyEntry(1, "cam0", other) for other in others])
    assert all(len(entries) == 32 - PREFIX_BYTES for entries in directory.keys.values())
    assert directory.find_key(KEYS[0]) is None


def test_a_key_is_found_among_others_whose_digests_begin_alike() -> None:
    digest = hash_stream_key(KEYS[0])
    near = [digest[:PREFIX_BYTES] + bytes([number]) * (32 - PREFIX_BYTES) for number in (0, 255)]
    entries = [KeyEntry(1, "cam1", near[0]), KeyEntry(2, "cam2", digest), KeyEntry(3, "cam3", near[1])]
    found = Directory.of(1, keys=entries).find_key(KEYS[0])
    assert found is not None
    assert found.key_id == 2


def test_the_whole_digest_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr("headrace.access.directory.compare_digest", compare)
    _directory().find_key(KEYS[1])
    assert compared == [(hash_stream_key(KEYS[1]), hash_stream_key(KEYS[1]))]


def test_a_key_is_known_by_its_number_until_it_is_revoked() -> None:
    directory = _directory()
    assert directory.keys_by_id[2].channel_id == "cam2"
    assert 3 not in directory.keys_by_id


def test_nothing_secret_is_shown() -> None:
    entry = KeyEntry(1, "cam1", bytes([0xAB]) * 32)
    token_key = TokenKey("me", "headrace", "k1", "HS256", b"secret" * 6)
    shown = repr(Directory.of(1, keys=[entry], token_keys=[token_key])) + repr(entry) + repr(token_key)
    assert "xab" not in shown
    assert "secret" not in shown


def test_a_digest_has_32_bytes() -> None:
    with pytest.raises(ValueError, match="not 31"):
        KeyEntry(1, "cam1", bytes(31))


@pytest.mark.parametrize(("algorithm", "length"), [("HS256", 31), ("EdDSA", 31), ("EdDSA", 33)])
def test_a_key_for_tokens_that_is_too_short_or_too_long_is_none(algorithm: Algorithm, length: int) -> None:
    with pytest.raises(ValueError, match=f"has 32 bytes, not {length}"):
        TokenKey("me", "headrace", "k1", algorithm, bytes(length))


def test_a_directory_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        _directory().revision = 8  # type: ignore[misc]


def test_the_open_directory_has_no_rule() -> None:
    assert OPEN_DIRECTORY.is_open
    assert not OPEN_DIRECTORY.channels
    assert not Directory.of(1).is_open
