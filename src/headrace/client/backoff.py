"""How long to wait before trying again: longer each time, never in step with others."""

from collections.abc import Callable
from typing import Final

FIRST_SECONDS: Final = 0.25
MAX_SECONDS: Final = 2.0
"""A broker that comes back has its producers and clients again within 3 s, handshake included."""


class Backoff:
    """Doubling delays with jitter.

    Args:
        random_fraction: Returns a number in [0, 1).
    """

    __slots__ = ("_random_fraction", "_seconds")

    def __init__(self, random_fraction: Callable[[], float]) -> None:
        self._random_fraction = random_fraction
        self._seconds = FIRST_SECONDS

    def next_seconds(self) -> float:
        """Return the next delay: half of it certain, half random, so that a crowd spreads out."""
        seconds = self._seconds
        self._seconds = min(2 * seconds, MAX_SECONDS)
        return seconds * (0.5 + 0.5 * self._random_fraction())

    def reset(self) -> None:
        """Begin with the short delay again: something worked."""
        self._seconds = FIRST_SECONDS
