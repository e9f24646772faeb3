"""Whether a stream of H.264 has pictures with which a browser can start.

An encoder that refreshes its picture little by little, so that none is larger than the others, sends recovery
points and no IDR pictures. Players start with those; browsers wait for an IDR picture for ever.

Source: ITU-T H.264, D.2.8; WebRTC in Chromium takes a picture for a keyframe if it has an IDR slice.
"""

from typing import Final

PATIENCE_90KHZ: Final = 900_000
"""Ten seconds: in a stream that has IDR pictures less often nobody starts in time."""


class StartWatch:
    """Looks at the pictures with which decoding can start.

    Attributes:
        is_gradual: It has recovery points, and no IDR picture among those of the last `PATIENCE_90KHZ`.
    """

    __slots__ = ("_idr_90khz", "is_gradual")

    def __init__(self) -> None:
        self.is_gradual = False
        self._idr_90khz: int | None = None

    def handle_idr(self, pts_90khz: int) -> None:
        """Take the time of an IDR picture."""
        self._idr_90khz = pts_90khz
        self.is_gradual = False

    def handle_recovery_point(self, pts_90khz: int) -> None:
        """Take the time of a recovery point that is no IDR picture."""
        idr_90khz = self._idr_90khz
        self.is_gradual = idr_90khz is None or not 0 <= pts_90khz - idr_90khz <= PATIENCE_90KHZ
