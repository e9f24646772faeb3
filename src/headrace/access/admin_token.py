"""The token that opens the half of the HTTP API that changes things or shows addresses.

Source: ``docs/operate/http.md``.
"""

from base64 import b32encode
from collections.abc import Iterable
from hashlib import sha256
from hmac import compare_digest
from typing import Final

ADMIN_PREFIX: Final = "hra_"
"""Lets programs that look for leaked secrets find it."""
ADMIN_RANDOM_BYTES: Final = 20
"""160 bits: nobody guesses them, so a token needs no slow hash."""
MIN_ADMIN_CHARACTERS: Final = 16
"""Of one that a person has chosen."""


def make_admin_token(random: bytes) -> str:
    """Return the token that ``random``, `ADMIN_RANDOM_BYTES` bytes of good randomness, becomes.

    Raises:
        ValueError: It has another length.
    """
    if len(random) != ADMIN_RANDOM_BYTES:
        raise ValueError(f"an admin token is made from {ADMIN_RANDOM_BYTES} random bytes, not {len(random)}")
    return ADMIN_PREFIX + b32encode(random).decode().lower()


def hash_admin_token(token: str) -> bytes:
    """Return what is kept of a token: its SHA-256, 32 bytes."""
    return sha256(token.encode()).digest()


def is_admin_token(token: str, digests: Iterable[bytes]) -> bool:
    """Return whether ``token``, which may be any text, has one of ``digests``, in the same time for each."""
    digest, found = hash_admin_token(token), False
    for known in digests:
        found |= compare_digest(known, digest)
    return found
