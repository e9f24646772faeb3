"""The key material message: stream encrypting keys, wrapped with a key that comes from the passphrase.

It stands in the handshake (KMREQ and its echo KMRSP) and, to refresh a key, in user-defined control packets.

Source: draft-sharabayko-srt, 3.2.2 (message), 6.1 (keys); RFC 3394 (key wrap); RFC 8018 (PBKDF2).
"""

import struct
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from headrace.base.errors import HeadraceError, PacketError
from headrace.srt.session_keys import KEY_LENGTHS_BYTES, SALT_BYTES, KeySource, Parity, SessionKeys

PBKDF2_ROUNDS: Final = 2048
WRAP_BYTES: Final = 8
"""What wrapping adds: the integrity check value."""
MAX_KEY_MATERIAL_BYTES: Final = 16 + SALT_BYTES + WRAP_BYTES + 2 * KEY_LENGTHS_BYTES[-1]

_FIXED: Final = struct.Struct(">BHBIBBBBHBB")
_VERSION_AND_TYPE: Final = 0x12
"""S = 0, version 1, packet type 2 (key material)."""
_SIGNATURE: Final = 0x2029
_ENCAPSULATION: Final = 2
"""MPEG-TS over SRT; every SRT peer writes it, whatever it carries."""
_PARITY_BITS: Final = 3


class KeyCipher(IntEnum):
    """Ciphers that real peers name; any other number may come too."""

    AES_CTR = 2
    AES_GCM = 4


class BadSecretError(HeadraceError):
    """Key material was wrapped with another passphrase."""


@dataclass(frozen=True, slots=True)
class KeyMaterial:
    """One message.

    Attributes:
        has_even: Whether the even key is in it.
        has_odd: Whether the odd key is in it.
        cipher: Usually a `KeyCipher`.
        salt: 16 bytes.
        key_length_bytes: Of each key: 16, 24 or 32.
        wrapped: The keys, the even one first, as RFC 3394 wraps them.
    """

    has_even: bool
    has_odd: bool
    cipher: int
    salt: bytes = field(repr=False)
    key_length_bytes: int
    wrapped: bytes = field(repr=False)


def decode_key_material(body: bytes) -> KeyMaterial:
    """Return the key material in ``body``; reserved bits may have any value.

    Raises:
        PacketError: ``short_key_material``, ``key_material_type``, ``key_material_without_key``,
            ``key_material_keki``, ``key_material_authentication``, ``key_material_encapsulation``,
            ``key_material_salt_length``, ``key_material_key_length`` or ``key_material_length``.
    """
    if len(body) < _FIXED.size:
        raise PacketError("short_key_material", f"{len(body)} bytes")
    kind, signature, parities, keki, cipher, auth, encapsulation, _, _, *words = _FIXED.unpack_from(body)
    salt_words, key_words = words
    if kind != _VERSION_AND_TYPE or signature != _SIGNATURE:
        raise PacketError("key_material_type", f"{kind:#x}, signature {signature:#x}")
    if not parities & _PARITY_BITS:
        raise PacketError("key_material_without_key")
    if keki:
        # "0: Default stream associated key (stream/system default)", all others are reserved.
        raise PacketError("key_material_keki", str(keki))
    if cipher == KeyCipher.AES_CTR and auth:
        raise PacketError("key_material_authentication", str(auth))
    if encapsulation != _ENCAPSULATION:
        raise PacketError("key_material_encapsulation", str(encapsulation))
    if 4 * salt_words != SALT_BYTES:
        raise PacketError("key_material_salt_length", f"{4 * salt_words} bytes")
    if 4 * key_words not in KEY_LENGTHS_BYTES:
        raise PacketError("key_material_key_length", f"{4 * key_words} bytes")
    keys = (parities & _PARITY_BITS).bit_count()
    if len(body) != _FIXED.size + SALT_BYTES + WRAP_BYTES + 4 * key_words * keys:
        raise PacketError("key_material_length", f"{len(body)} bytes for {keys} keys of {4 * key_words}")
    salt_end = _FIXED.size + SALT_BYTES
    return KeyMaterial(
        has_even=bool(parities & Parity.EVEN),
        has_odd=bool(parities & Parity.ODD),
        cipher=cipher,
        salt=body[_FIXED.size : salt_end],
        key_length_bytes=4 * key_words,
        wrapped=body[salt_end:],
    )


def encode_key_material(material: KeyMaterial) -> bytes:
    """Return the message's bytes."""
    parities = (Parity.EVEN if material.has_even else 0) | (Parity.ODD if material.has_odd else 0)
    fixed = _FIXED.pack(
        _VERSION_AND_TYPE,
        _SIGNATURE,
        parities,
        0,
        material.cipher,
        1 if material.cipher == KeyCipher.AES_GCM else 0,
        _ENCAPSULATION,
        0,
        0,
        len(material.salt) // 4,
        material.key_length_bytes // 4,
    )
    return fixed + material.salt + material.wrapped


def derive_kek(passphrase: str, salt: bytes, key_length_bytes: int) -> bytes:
    """Return the key encrypting key, as long as the keys that it wraps; about 1 ms of work.

    "PBKDF2(Passphrase, LSB(64, Salt), Iter, KLen)", with HMAC-SHA1 and 2048 rounds (6.1.4).
    """
    # hashlib's took 2.4 times as long where Python was built with an OpenSSL of its own.
    derivation = PBKDF2HMAC(SHA1(), key_length_bytes, salt[-8:], PBKDF2_ROUNDS)  # noqa: S303 - SRT's choice
    return derivation.derive(passphrase.encode())


def unwrap_keys(material: KeyMaterial, passphrase: str) -> SessionKeys:
    """Return the keys in ``material``.

    Raises:
        BadSecretError: They were wrapped with another passphrase.
    """
    return unwrap_with_kek(material, derive_kek(passphrase, material.salt, material.key_length_bytes))


def unwrap_with_kek(material: KeyMaterial, kek: bytes) -> SessionKeys:
    """Return the keys in ``material``, where what `derive_kek` gives is known already.

    Raises:
        BadSecretError: They were wrapped with another one.
    """
    try:
        keys = aes_key_unwrap(kek, material.wrapped)
    except InvalidUnwrap:
        raise BadSecretError("the keys were wrapped with another passphrase") from None
    first, second = keys[: material.key_length_bytes], keys[material.key_length_bytes :]
    even = first if material.has_even else None
    odd = (second if material.has_even else first) if material.has_odd else None
    return SessionKeys(material.salt, even, odd, kek)


def make_keys(passphrase: str, key_length_bytes: int, source: KeySource) -> SessionKeys:
    """Return a new connection's salt and even key, as a caller makes them, with the ``kek`` of the passphrase."""
    salt = source.make(SALT_BYTES)
    return SessionKeys(
        salt, even=source.make(key_length_bytes), kek=derive_kek(passphrase, salt, key_length_bytes)
    )


def wrap_keys(keys: SessionKeys) -> KeyMaterial:
    """Return the message that carries ``keys`` to a peer; they must have their ``kek``."""
    present = [key for key in (keys.even, keys.odd) if key is not None]
    return KeyMaterial(
        has_even=keys.even is not None,
        has_odd=keys.odd is not None,
        cipher=KeyCipher.AES_CTR,
        salt=keys.salt,
        key_length_bytes=keys.key_length_bytes,
        wrapped=aes_key_wrap(keys.kek, b"".join(present)),
    )
