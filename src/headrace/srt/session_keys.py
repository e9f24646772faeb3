"""The keys of one encrypted connection, or of one direction of it.

Source: draft-sharabayko-srt, 6.1.
"""

from dataclasses import dataclass, field
from enum import IntEnum
from hashlib import blake2b
from typing import Final

SALT_BYTES: Final = 16
KEY_LENGTHS_BYTES: Final = (16, 24, 32)
"""AES-128, -192 and -256."""
SEED_BYTES: Final = 32


class Parity(IntEnum):
    """Which of the two stream encrypting keys, as in the KK bits of a data packet and of key material."""

    EVEN = 1
    ODD = 2

    @property
    def other(self) -> "Parity":
        """The one that follows it."""
        return Parity.ODD if self is Parity.EVEN else Parity.EVEN


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """What opens and seals packets. No part of it shows in its ``repr``.

    Attributes:
        salt: 16 bytes, of which 14 go into each packet's initial counter.
        even: Stream encrypting key of 16, 24 or 32 bytes, or None where there is none.
        odd: Likewise, and of the same length.
        kek: Key encrypting key, as long as they are: wraps the keys that follow. Empty where none will.

    Raises:
        ValueError: A length is none of these, or there is no key at all.
    """

    salt: bytes = field(repr=False)
    even: bytes | None = field(default=None, repr=False)
    odd: bytes | None = field(default=None, repr=False)
    kek: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        lengths_bytes = {len(key) for key in (self.even, self.odd) if key is not None}
        if len(self.salt) != SALT_BYTES:
            raise ValueError(f"a salt has {SALT_BYTES} bytes, not {len(self.salt)}")
        if len(lengths_bytes) != 1 or not lengths_bytes <= set(KEY_LENGTHS_BYTES):
            raise ValueError(f"keys have one length of {KEY_LENGTHS_BYTES} bytes, not {sorted(lengths_bytes)}")

    @property
    def key_length_bytes(self) -> int:
        """16, 24 or 32."""
        return len(self.key(self.first_parity) or b"")

    @property
    def first_parity(self) -> Parity:
        """The key to begin with: the even one where there are both, as libsrt does."""
        return Parity.ODD if self.even is None else Parity.EVEN

    def key(self, parity: Parity) -> bytes | None:
        """Return the key of ``parity``, or None where there is none."""
        return self.even if parity is Parity.EVEN else self.odd


class KeySource:
    """Makes the salt and all keys of one side of a connection from one random seed.

    What it makes is the seed's keyed hash of a count, so none of it tells about another, and a simulation with the
    same seed goes the same way.

    Args:
        seed: 32 unpredictable bytes that nothing else is made of.
    """

    __slots__ = ("_count", "_seed")

    def __init__(self, seed: bytes) -> None:
        if len(seed) != SEED_BYTES:
            raise ValueError(f"a seed of keys has {SEED_BYTES} bytes, not {len(seed)}")
        self._seed = seed
        self._count = 0

    def make(self, length_bytes: int) -> bytes:
        """Return the next ``length_bytes`` unpredictable bytes, 64 at most."""
        self._count += 1
        return blake2b(self._count.to_bytes(8, "big"), key=self._seed, digest_size=length_bytes).digest()
