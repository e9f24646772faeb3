"""How much may happen: so much each second, and so much at once after a pause.

Source: token buckets, RFC 2697 and its kin.
"""

from typing import Final

_MILLION: Final = 1_000_000


class TokenBucket:
    """Begins full.

    Args:
        per_second: Tokens that it is given each second.
        depth: Most that it holds.
    """

    __slots__ = ("_depth", "_filled_us", "_millionths", "_per_second")

    def __init__(self, per_second: int, depth: int) -> None:
        self._per_second = per_second
        # In millionths, so that nothing is lost to rounding however often one looks.
        self._depth = self._millionths = _MILLION * depth
        self._filled_us: int | None = None

    def take(self, wanted: int, now_us: int) -> int:
        """Return how many of ``wanted`` tokens there are, at most all of them, and take these out."""
        self._fill(now_us)
        taken = min(wanted, self._millionths // _MILLION)
        self._millionths -= _MILLION * taken
        return taken

    def afford(self, tokens: int, now_us: int) -> bool:
        """Take ``tokens`` out if there are so many, and return whether there were."""
        self._fill(now_us)
        if self._millionths < _MILLION * tokens:
            return False
        self._millionths -= _MILLION * tokens
        return True

    def spend(self, tokens: int, now_us: int) -> bool:
        """Take ``tokens`` out whether they are there or not; return False when there were not enough.

        Then it is empty, and owes nothing.
        """
        self._fill(now_us)
        left = self._millionths - _MILLION * tokens
        self._millionths = max(left, 0)
        return left >= 0

    def _fill(self, now_us: int) -> None:
        if self._filled_us is not None:
            self._millionths = min(self._depth, self._millionths + self._per_second * (now_us - self._filled_us))
        self._filled_us = now_us
