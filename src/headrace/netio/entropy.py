"""Randomness from the operating system, for sequence numbers, socket ids and keys.

Source: getrandom(2) through the ``secrets`` module.
"""

import secrets


def random_u32() -> int:
    """Return an unpredictable number in [0, 2**32)."""
    return secrets.randbits(32)


def random_bytes(count: int) -> bytes:
    """Return ``count`` unpredictable bytes."""
    return secrets.token_bytes(count)
