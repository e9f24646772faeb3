"""Key material, as it stands in handshakes and in control packets that refresh a key."""

from dataclasses import replace
from random import Random
from typing import Final

from tests.fuzz.target import Target
from tests.fuzz.wrong import make_wrong, pick_byte, pick_word

from headrace.base.errors import PacketError
from headrace.srt.key_material import (
    MAX_KEY_MATERIAL_BYTES,
    BadSecretError,
    KeyMaterial,
    decode_key_material,
    encode_key_material,
    make_keys,
    unwrap_with_kek,
    wrap_keys,
)
from headrace.srt.packet_cipher import PacketCipher
from headrace.srt.session_keys import KEY_LENGTHS_BYTES, SALT_BYTES, KeySource

_PASSPHRASE: Final = "a long passphrase"
_SOURCE: Final = KeySource(bytes(32))
_KEYS: Final = [make_keys(_PASSPHRASE, length, _SOURCE) for length in KEY_LENGTHS_BYTES]
_KEKS: Final = {len(keys.kek): keys.kek for keys in _KEYS}
"""Deriving one takes most of a millisecond, and is the same for everybody: a hash of 2048 rounds."""


def run(body: bytes) -> int:
    """Decode, and unwrap with keys that fit some inputs."""
    try:
        material = decode_key_material(body)
    except PacketError as error:
        assert error.reason.isidentifier()
        return len(body)
    assert len(body) <= MAX_KEY_MATERIAL_BYTES
    assert len(material.salt) == SALT_BYTES
    assert material.key_length_bytes in KEY_LENGTHS_BYTES
    assert material.has_even or material.has_odd
    assert material.salt.hex() not in repr(material)
    _unwrap(material)
    return len(body)


def _unwrap(material: KeyMaterial) -> None:
    again = decode_key_material(encode_key_material(material))
    assert again == replace(material)
    try:
        keys = unwrap_with_kek(material, _KEKS[material.key_length_bytes])
    except BadSecretError:
        return
    assert (keys.even is not None, keys.odd is not None) == (material.has_even, material.has_odd)
    assert keys.key_length_bytes == material.key_length_bytes
    assert wrap_keys(keys).wrapped == material.wrapped
    key = keys.key(keys.first_parity)
    assert key is not None
    cipher = PacketCipher(key, keys.salt)
    assert cipher.apply(5, cipher.apply(5, b"payload")) == b"payload"
    assert key.hex() not in repr(keys)


def seeds() -> list[bytes]:
    """Return messages of every length, with one key and with two, and of another cipher."""
    both = [replace(keys, odd=keys.even) for keys in _KEYS]
    odd = replace(_KEYS[0], even=None, odd=_KEYS[0].even)
    gcm = replace(wrap_keys(_KEYS[0]), cipher=4)
    messages = [wrap_keys(keys) for keys in (*_KEYS, *both, odd)]
    return [encode_key_material(message) for message in (*messages, gcm)]


def wrong(body: bytes, random: Random) -> bytes:
    """Return the message with a field wrong."""
    return make_wrong(body, random, random.choice((pick_byte, pick_word)))


TARGET = Target(run, seeds, wrong, max_bytes=256, lines_per_byte=40)
