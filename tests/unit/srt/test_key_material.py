"""The key material message, its wrapping, and what libsrt made of both."""

from dataclasses import replace

import pytest
from tests.support.libsrt_captures import CAPTURES, PASSPHRASE, Capture

from headrace.base.errors import PacketError
from headrace.srt.key_material import (
    MAX_KEY_MATERIAL_BYTES,
    BadSecretError,
    KeyCipher,
    KeyMaterial,
    decode_key_material,
    derive_kek,
    encode_key_material,
    make_keys,
    unwrap_keys,
    unwrap_with_kek,
    wrap_keys,
)
from headrace.srt.session_keys import KEY_LENGTHS_BYTES, KeySource, Parity, SessionKeys

BODY = CAPTURES[0].handshake_key_material
"""One even key of 16 bytes."""


def changed(offset: int, *values: int) -> bytes:
    return BODY[:offset] + bytes(values) + BODY[offset + len(values) :]


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda capture: str(8 * capture.key_length_bytes))
def test_what_libsrt_sent_opens_with_its_passphrase(capture: Capture) -> None:
    first = decode_key_material(capture.handshake_key_material)
    assert (first.has_even, first.has_odd, first.cipher) == (True, False, KeyCipher.AES_CTR)
    assert first.key_length_bytes == capture.key_length_bytes
    keys = unwrap_keys(first, PASSPHRASE)
    assert keys.even is not None
    assert keys.odd is None
    refreshed = unwrap_with_kek(decode_key_material(capture.refresh_key_material), keys.kek)
    assert refreshed.salt == keys.salt  # "regenerates the SEK but keeps the salt"
    assert refreshed.even == keys.even
    assert refreshed.odd not in (None, keys.even)


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda capture: str(8 * capture.key_length_bytes))
def test_the_same_keys_make_the_bytes_that_libsrt_sent(capture: Capture) -> None:
    for body in (capture.handshake_key_material, capture.refresh_key_material):
        keys = unwrap_keys(decode_key_material(body), PASSPHRASE)
        assert encode_key_material(wrap_keys(keys)) == body


@pytest.mark.parametrize(
    ("key", "wrapped"),
    [
        ("00112233445566778899aabbccddeeff", "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5"),
        (
            "00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f",
            "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21",
        ),
    ],
)
def test_keys_are_wrapped_as_in_rfc_3394_4_1_and_4_6(key: str, wrapped: str) -> None:
    plain = bytes.fromhex(key)
    material = KeyMaterial(True, False, KeyCipher.AES_CTR, bytes(16), len(plain), bytes.fromhex(wrapped))
    keys = SessionKeys(bytes(16), even=plain, kek=bytes(range(len(plain))))
    assert wrap_keys(keys) == material
    assert unwrap_with_kek(material, keys.kek) == keys


def test_the_kek_depends_on_the_lower_64_bits_of_the_salt_alone() -> None:
    assert derive_kek(PASSPHRASE, bytes(8) + b"12345678", 16) == derive_kek(PASSPHRASE, b"x" * 8 + b"12345678", 16)
    assert derive_kek(PASSPHRASE, bytes(16), 16) != derive_kek(PASSPHRASE, bytes(15) + b"\1", 16)


@pytest.mark.parametrize("key_length_bytes", KEY_LENGTHS_BYTES)
@pytest.mark.parametrize("parity", list(Parity))
def test_one_key_of_either_parity_goes_there_and_back(key_length_bytes: int, parity: Parity) -> None:
    made = make_keys(PASSPHRASE, key_length_bytes, KeySource(bytes(32)))
    keys = made if parity is Parity.EVEN else replace(made, even=None, odd=made.even)
    material = decode_key_material(encode_key_material(wrap_keys(keys)))
    assert (material.has_even, material.has_odd) == (parity is Parity.EVEN, parity is Parity.ODD)
    assert unwrap_keys(material, PASSPHRASE) == keys


def test_a_caller_s_salt_key_and_kek_have_nothing_in_common() -> None:
    keys = make_keys(PASSPHRASE, 16, KeySource(bytes(32)))
    assert len({keys.salt, keys.even, keys.kek}) == 3
    assert len(keys.kek) == 16


def test_a_wrong_passphrase_is_found_out() -> None:
    with pytest.raises(BadSecretError):
        unwrap_keys(decode_key_material(BODY), PASSPHRASE + "!")


def test_a_damaged_key_is_found_out() -> None:
    with pytest.raises(BadSecretError):
        unwrap_keys(decode_key_material(changed(len(BODY) - 1, BODY[-1] ^ 1)), PASSPHRASE)


def test_another_cipher_is_read_for_who_refuses_it() -> None:
    gcm = decode_key_material(changed(8, KeyCipher.AES_GCM, 1))
    assert gcm.cipher == KeyCipher.AES_GCM
    assert encode_key_material(gcm) == changed(8, KeyCipher.AES_GCM, 1)


def test_reserved_bits_may_have_any_value() -> None:
    assert decode_key_material(changed(3, 0xFD)) == decode_key_material(changed(11, 9, 9, 9))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "short_key_material"),
        (BODY[:15], "short_key_material"),
        (BODY[:16], "key_material_length"),
        (changed(0, 0x11), "key_material_type"),
        (changed(1, 0x20, 0x28), "key_material_type"),
        (changed(3, 0), "key_material_without_key"),
        (changed(3, 3), "key_material_length"),
        (changed(4, 0, 0, 0, 1), "key_material_keki"),
        (changed(9, 1), "key_material_authentication"),
        (changed(10, 1), "key_material_encapsulation"),
        (changed(14, 0), "key_material_salt_length"),
        (changed(14, 5), "key_material_salt_length"),
        (changed(15, 0), "key_material_key_length"),
        (changed(15, 5), "key_material_key_length"),
        (changed(15, 6), "key_material_length"),
        (BODY[:-1], "key_material_length"),
        (BODY + bytes(4), "key_material_length"),
    ],
)
def test_every_other_message_is_dropped_under_a_name(body: bytes, reason: str) -> None:
    with pytest.raises(PacketError) as raised:
        decode_key_material(body)
    assert raised.value.reason == reason


def test_two_keys_of_32_bytes_are_the_longest_message() -> None:
    assert len(CAPTURES[2].refresh_key_material) == MAX_KEY_MATERIAL_BYTES


def test_nothing_secret_shows() -> None:
    shown = repr(decode_key_material(BODY))
    assert "salt" not in shown
    assert "wrapped" not in shown
