"""Making stream keys, and the form in which they are kept: who reads the store gets no key out of it.

Source: ``docs/decisions/0019-who-may-do-what.md``.
"""

from base64 import b32encode
from hashlib import sha256
from typing import Final

from headrace.base.stream_key import KEY_PREFIX, KEY_RANDOM_BYTES

DIGEST_BYTES: Final = 32


def make_stream_key(random: bytes) -> str:
    """Return the stream key that ``random``, `KEY_RANDOM_BYTES` bytes of good randomness, becomes.

    Raises:
        ValueError: It has another length.
    """
    if len(random) != KEY_RANDOM_BYTES:
        raise ValueError(f"a stream key is made from {KEY_RANDOM_BYTES} random bytes, not {len(random)}")
    return KEY_PREFIX + b32encode(random).decode().lower()


def hash_stream_key(key: str) -> bytes:
    """Return what is kept of a key: `DIGEST_BYTES` bytes, its SHA-256.

    A slow hash such as argon2 protects what people choose. Nobody guesses 160 random bits, and one
    that took 200 ms would let a few callers a second hold up everybody.
    """
    return sha256(key.encode()).digest()
