"""Sources of pictures and sound for tests."""

from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np

from headrace.media.pcm import SAMPLE_RATE_HZ, pcm_frame
from headrace.media.source import SourceInfo, TimedFrame


def picture(number: int, width: int = 64, height: int = 48) -> av.VideoFrame:
    """Return a grey picture with a bright bar that moves with ``number``."""
    pixels = np.full((height, width, 3), 60, np.uint8)
    pixels[:, number * 4 % width : number * 4 % width + 4] = 220
    return av.VideoFrame.from_ndarray(pixels, format="rgb24")


class DrawnSource:
    """Pictures and perhaps sound, made at once."""

    def __init__(
        self,
        pictures: int,
        *,
        frame_rate: int = 25,
        sound: bool = False,
        live: bool = False,
        size: tuple[int, int] = (64, 48),
    ) -> None:
        self.live = live
        self.info = SourceInfo(*size, Fraction(frame_rate), sound)
        self.closed = 0
        self._pictures = pictures

    def frames(self) -> Iterator[TimedFrame]:
        interval_us = int(1_000_000 / self.info.frame_rate)
        for number in range(self._pictures):
            time_us = number * interval_us
            yield TimedFrame(time_us, interval_us, picture(number, self.info.width, self.info.height))
            if self.info.has_audio:
                samples = np.zeros((2, SAMPLE_RATE_HZ * interval_us // 1_000_000), np.float32)
                yield TimedFrame(time_us, interval_us, pcm_frame(samples))

    def close(self) -> None:
        self.closed += 1
