"""Whether the pictures of a stream are shown in another order than they are decoded, which browsers cannot play.

Source: ISO/IEC 13818-1, 2.4.3.7 (PTS and DTS). Chromium decoded 8 of 195 pictures of a stream with B-frames.
"""

from typing import Final

from headrace.codecs.h264 import SpsFacts

MAX_CLOCK_STEP_90KHZ: Final = 90_000
"""A presentation time that goes back by more is another clock, and no B-frame: no encoder reorders a second."""
REORDERING_NOTICE: Final = (
    "Browsers cannot play this video, as it has B-frames: set B-frames to 0 in the encoder "
    "(x264: bframes=0, or tune=zerolatency)."
)
"""For who produces, and for who would watch."""
CALM_90KHZ: Final = 900_000
"""Ten seconds without: an encoder that has B-frames uses some in nearly every second."""


class ReorderingWatch:
    """Looks at the times of pictures in decoding order.

    Attributes:
        is_seen: A picture was shown before one that was decoded earlier. It is forgotten at a keyframe from which
            on the stream has other parameters, or before which none was seen for `CALM_90KHZ`.
        deepest_90khz: By how much a presentation time went back at most.
    """

    __slots__ = ("_newest_pts_90khz", "_seen_pts_90khz", "_sps_facts", "deepest_90khz", "is_seen")

    def __init__(self) -> None:
        self.is_seen = False
        self.deepest_90khz = 0
        self._newest_pts_90khz: int | None = None
        self._seen_pts_90khz = 0
        self._sps_facts: SpsFacts | None = None

    def handle_picture(self, pts_90khz: int, *, is_discontinuous: bool = False) -> None:
        """Take the presentation time of the next picture, unwrapped."""
        newest = self._newest_pts_90khz
        back_90khz = 0 if newest is None or is_discontinuous else newest - pts_90khz
        if 0 < back_90khz <= MAX_CLOCK_STEP_90KHZ:
            self.is_seen = True
            self._seen_pts_90khz = pts_90khz
            self.deepest_90khz = max(self.deepest_90khz, back_90khz)
            return
        self._newest_pts_90khz = pts_90khz

    def handle_keyframe(self, pts_90khz: int, sps_facts: SpsFacts | None) -> None:
        """Forget what was seen if this keyframe begins something else; it is then given as a picture too.

        Args:
            pts_90khz: Its presentation time.
            sps_facts: What is in force from here on, where that is known.
        """
        # A stream that begins at another time is calm when that has gone on for long enough.
        calm_90khz = pts_90khz - self._seen_pts_90khz
        if calm_90khz < 0:
            self._seen_pts_90khz = pts_90khz
        if sps_facts != self._sps_facts or calm_90khz > CALM_90KHZ:
            self.is_seen = False
            self.deepest_90khz = 0
        self._sps_facts = sps_facts
