"""H.264 for live streaming: each picture comes out as soon as it goes in.

Source: measurements of x264 through PyAV 18.1.
"""

import os
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import av
from av.video.frame import PictureType
from av.video.reformatter import VideoReformatter

from headrace.media.errors import MediaError
from headrace.media.sound_encoder import BIT_RATES
from headrace.media.source import SourceInfo
from headrace.remux.access_unit import Codec

TIME_BASE: Final = Fraction(1, 90_000)
NEVER_FRAMES: Final = 1 << 24
"""Keyframes are forced by time; this only keeps x264 from placing its own."""
ONE_THREAD_PIXELS_PER_SECOND: Final = 1280 * 720 * 30
"""Up to here one core is enough for every preset to "veryfast", and slices cost bits."""
LIMITED_RANGE: Final = 1
PRESETS: Final = (
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
)


@dataclass(frozen=True, slots=True)
class EncoderSettings:
    """How to encode.

    Attributes:
        width: Pixels of a row; None for the source's (or what keeps its shape, if only the height is given).
        height: Rows; None likewise.
        frame_rate: At most so many frames a second; None for all that the source has.
        video_bitrate_bps: Mean and highest bits a second of the picture.
        audio_bitrate_bps: Bits a second of AAC.
        has_opus: Whether there is Opus beside AAC, for browsers.
        keyframe_interval_ms: A keyframe at least so often.
        preset: x264's, from "ultrafast" to "veryslow".
    """

    width: int | None = None
    height: int | None = None
    frame_rate: Fraction | None = None
    video_bitrate_bps: int = 2_500_000
    audio_bitrate_bps: int = BIT_RATES[Codec.AAC]
    has_opus: bool = True
    keyframe_interval_ms: int = 2_000
    preset: str = "veryfast"


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """One encoded picture.

    Attributes:
        data: Annex B with access unit delimiter.
        time_90khz: Media time of its presentation.
        key_frame: Decoding can start here.
    """

    data: bytes
    time_90khz: int
    key_frame: bool


def encoded_size(info: SourceInfo, settings: EncoderSettings) -> tuple[int, int]:
    """Return width and height to encode, both even, as 4:2:0 wants them."""
    width, height = settings.width, settings.height
    if width is None and height is None:
        width, height = info.width, info.height
    elif width is None:
        assert height is not None
        width = round(info.width * height / info.height)
    elif height is None:
        height = round(info.height * width / info.width)
    return max(2, width // 2 * 2), max(2, height // 2 * 2)


class VideoEncoder:
    """x264 without delay.

    Raises:
        MediaError: x264 does not take these settings.
    """

    def __init__(self, info: SourceInfo, settings: EncoderSettings) -> None:
        self.width, self.height = encoded_size(info, settings)
        self._reformatter = VideoReformatter()
        self._keyframe_interval_us = settings.keyframe_interval_ms * 1_000
        self._next_keyframe_us: int | None = None
        self._last_90khz: int | None = None
        if settings.preset not in PRESETS:
            raise MediaError(f"{settings.preset!r} is not a preset: choose from {', '.join(PRESETS)}")
        self._codec = self._open(min(info.frame_rate, settings.frame_rate or info.frame_rate), settings)

    def _open(self, frame_rate: Fraction, settings: EncoderSettings) -> av.VideoCodecContext:
        codec = av.CodecContext.create("libx264", "w")
        codec.width, codec.height, codec.pix_fmt = self.width, self.height, "yuv420p"
        codec.time_base, codec.framerate = TIME_BASE, frame_rate
        codec.bit_rate, codec.max_b_frames, codec.gop_size = settings.video_bitrate_bps, 0, NEVER_FRAMES
        codec.color_range = LIMITED_RANGE
        pixels_per_second = self.width * self.height * frame_rate
        codec.thread_count = 1 if pixels_per_second <= ONE_THREAD_PIXELS_PER_SECOND else os.cpu_count() or 1
        codec.options = {
            "preset": settings.preset,
            "tune": "zerolatency",
            "maxrate": str(settings.video_bitrate_bps),
            # Half a second: a keyframe may be so large, and no more than that is ever in flight.
            "bufsize": str(settings.video_bitrate_bps // 2),
            "sc_threshold": "0",
            "forced-idr": "1",
            "aud": "1",
        }
        try:
            codec.open()
        except (av.FFmpegError, ValueError) as error:
            raise MediaError(
                f"x264 does not take {self.width}x{self.height} at {float(frame_rate):g} frames a second and "
                f"{settings.video_bitrate_bps} bit/s: choose other values"
            ) from error
        return codec

    def encode(self, frame: av.VideoFrame, time_us: int) -> list[AccessUnit]:
        """Return the encoded frame; nothing if another was encoded for the same 1/90000 s or a later one."""
        time_90khz = (time_us * 9 + 50) // 100
        if self._last_90khz is not None and time_90khz <= self._last_90khz:
            return []
        self._last_90khz = time_90khz
        picture = self._reformatter.reformat(
            frame, self.width, self.height, "yuv420p", dst_color_range=LIMITED_RANGE
        )
        picture.pts, picture.time_base = time_90khz, TIME_BASE
        # Otherwise x264 takes over the type of the decoded frame: lavfi's are all keyframes.
        picture.pict_type = PictureType.NONE
        if self._next_keyframe_us is None or time_us >= self._next_keyframe_us:
            picture.pict_type = PictureType.I
            self._next_keyframe_us = time_us + self._keyframe_interval_us
        return [AccessUnit(bytes(unit), unit.pts or 0, unit.is_keyframe) for unit in self._codec.encode(picture)]
