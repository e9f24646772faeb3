"""What every source of pictures and sound gives: frames with their media times, in order."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final, Protocol, TypeAlias

import av

MICROSECONDS: Final = 1_000_000

AnyFrame: TypeAlias = "av.VideoFrame | av.AudioFrame"


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What an encoder has to know before the first frame.

    Attributes:
        width: Pixels of a row of the picture.
        height: Rows of the picture.
        frame_rate: Frames a second, nominal.
        has_audio: Sound comes with it.
    """

    width: int
    height: int
    frame_rate: Fraction
    has_audio: bool


@dataclass(frozen=True, slots=True)
class TimedFrame:
    """A decoded frame.

    Attributes:
        time_us: Media time of its start, microseconds; 0 is the start of the source.
        duration_us: How long it lasts.
        frame: The picture or the sound.
    """

    time_us: int
    duration_us: int
    frame: AnyFrame


class Source(Protocol):
    """Pictures and perhaps sound, once through."""

    @property
    def live(self) -> bool:
        """Whether frames come at their own pace, so that nobody has to wait before showing one."""

    @property
    def info(self) -> SourceInfo:
        """Size, rate and whether there is sound."""

    def frames(self) -> Iterator[TimedFrame]:
        """Yield all frames in the order of their media times, from the start; may be called again.

        Raises:
            MediaError: The source cannot be read any further.
        """

    def close(self) -> None:
        """Let go of files and devices."""


def loop_frames(source: Source) -> Iterator[TimedFrame]:
    """Yield the frames of ``source`` round after round, the media time going on across each seam.

    A round lasts as long as its pictures; sound that overhangs is for the encoder to trim. Ends if a round has
    no picture.
    """
    offset_us = 0
    while True:
        video_end_us = 0
        for item in source.frames():
            if isinstance(item.frame, av.VideoFrame):
                video_end_us = item.time_us + item.duration_us
            yield replace(item, time_us=item.time_us + offset_us)
        if video_end_us == 0:
            return
        offset_us += video_end_us
