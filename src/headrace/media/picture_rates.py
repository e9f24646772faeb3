"""How many bits and pictures a second a stream of pictures has, from their sizes and times.

Pure: what re-encodes a stream is to send about as much as it gets.
"""

from collections import deque
from typing import Final

SPAN_90KHZ: Final = 360_000
"""Of the newest four seconds: two keyframes of most encoders are in it."""
ENOUGH_90KHZ: Final = 90_000
"""Less than a second says little: a keyframe has ten times the bits of other pictures."""
MAX_PICTURES: Final = 1_024
MAX_PICTURES_PER_SECOND: Final = 120
_CLOCK_HZ: Final = 90_000


class PictureRates:
    """Of the newest pictures of one stream."""

    __slots__ = ("_bits", "_newest")

    def __init__(self) -> None:
        self._newest: deque[tuple[int, int]] = deque(maxlen=MAX_PICTURES)
        self._bits = 0

    def note(self, pts_90khz: int, size_bytes: int) -> None:
        """Take the next picture in decoding order; a time that is far from the others' begins anew."""
        if self._newest and abs(pts_90khz - self._newest[-1][0]) > SPAN_90KHZ:
            self._newest.clear()
            self._bits = 0
        if len(self._newest) == MAX_PICTURES:
            self._drop_oldest()
        self._newest.append((pts_90khz, 8 * size_bytes))
        self._bits += 8 * size_bytes
        while pts_90khz - self._newest[0][0] > SPAN_90KHZ:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        self._bits -= self._newest.popleft()[1]

    def _span_90khz(self) -> int:
        times = [pts_90khz for pts_90khz, _ in self._newest]
        return max(times) - min(times) if times else 0

    @property
    def bits_per_second(self) -> int | None:
        """Bits a second; None while too little has been seen."""
        span_90khz = self._span_90khz()
        return None if span_90khz < ENOUGH_90KHZ else self._bits * _CLOCK_HZ // span_90khz

    @property
    def pictures_per_second(self) -> int | None:
        """Pictures a second, from 1 to `MAX_PICTURES_PER_SECOND`; None while too little has been seen."""
        span_90khz = self._span_90khz()
        if span_90khz < ENOUGH_90KHZ:
            return None
        rate = round((len(self._newest) - 1) * _CLOCK_HZ / span_90khz)
        return min(max(rate, 1), MAX_PICTURES_PER_SECOND)
