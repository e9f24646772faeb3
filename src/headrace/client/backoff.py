"""When to try again: after a delay that is longer each time, never in step with others; and when not to."""

from collections.abc import Callable
from typing import Final

from headrace.srt.caller import ConnectTimeoutError
from headrace.srt.rejection import ConnectionRejectedError, RejectReason

FIRST_SECONDS: Final = 0.25
MAX_SECONDS: Final = 2.0
"""A broker that comes back has its producers and clients again within 3 s, handshake included."""

_PASSING: Final = frozenset(
    {RejectReason.RESOURCE, RejectReason.BACKLOG, RejectReason.CLOSED, RejectReason.TIMEOUT, RejectReason.OVERLOAD}
)


def is_refused_for_good(error: Exception) -> bool:
    """Return whether ``error`` is a refusal that asking again will not change."""
    return isinstance(error, ConnectionRejectedError) and error.code not in _PASSING


class Backoff:
    """Doubling delays with jitter.

    Args:
        random_fraction: Returns a number in [0, 1).
    """

    __slots__ = ("_random_fraction", "_seconds")

    def __init__(self, random_fraction: Callable[[], float]) -> None:
        self._random_fraction = random_fraction
        self._seconds = FIRST_SECONDS

    def seconds_after(self, error: Exception) -> float:
        """Return the next delay after ``error``; a short one where asking has been waiting itself.

        A caller repeats its handshake four times a second, so the broker that comes back meanwhile is found at
        once. A long delay between two such calls would only be time in which it is not looked for.
        """
        if isinstance(error, ConnectTimeoutError):
            self.reset()
        return self.next_seconds()

    def next_seconds(self) -> float:
        """Return the next delay: half of it certain, half random, so that a crowd spreads out."""
        seconds = self._seconds
        self._seconds = min(2 * seconds, MAX_SECONDS)
        return seconds * (0.5 + 0.5 * self._random_fraction())

    def reset(self) -> None:
        """Begin with the short delay again: something worked."""
        self._seconds = FIRST_SECONDS
