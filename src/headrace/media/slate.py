"""Encodes a slate once, as small as it can be: one keyframe, pictures that change nothing, and silence.

Source: ISO/IEC 14496-10, 7.4.1 (NAL unit types); measurements of x264 through PyAV 18.1.
"""

from fractions import Fraction
from typing import Final

import av
import numpy as np
from av.video.frame import PictureType
from av.video.reformatter import Colorspace, VideoReformatter
from numpy.typing import NDArray

from headrace.media.encoder import LIMITED_RANGE
from headrace.media.errors import MediaError
from headrace.media.pcm import CHANNELS, pcm_frame
from headrace.media.slate_picture import draw_slate
from headrace.media.sound_encoder import SoundEncoder
from headrace.mpegts.slate_player import PICTURE_90KHZ, Slate
from headrace.remux.access_unit import Codec

GROUP_PICTURES: Final = 48
"""A keyframe every 4.1 s: it is half of all bytes at 2 s, and new subscribers are given the last one anyway."""
SOUND_PICTURES: Final = 2
"""Silence for two pictures, 8 frames of 13 bytes, goes into one transport packet."""
AAC_FRAMES_PER_PICTURE: Final = 4
BT709: Final = 1
"""Primaries, transfer and matrix of high definition, or players guess other colours."""
_SUPPLEMENTAL: Final = 6
_START_CODE: Final = b"\0\0\0\1"


def make_slate(text: str, *, width: int = 1280, height: int = 720, sound: bool = True) -> Slate:
    """Return a slate that shows ``text``; takes some tenths of a second.

    Args:
        text: Made smaller and broken into lines until it fits.
        width: Pixels of a row, even.
        height: Rows, even.
        sound: With a silent sound track.

    Raises:
        MediaError: x264 does not take the size.
    """
    pictures = _encode_pictures(draw_slate(text, width, height))
    if not sound:
        return Slate(pictures)
    return Slate(pictures, _silent_frame() * (AAC_FRAMES_PER_PICTURE * SOUND_PICTURES), SOUND_PICTURES)


def _encode_pictures(pixels: NDArray[np.uint8]) -> tuple[bytes, ...]:
    height, width, _ = pixels.shape
    codec = _open_x264(width, height)
    picture = VideoReformatter().reformat(
        av.VideoFrame.from_ndarray(pixels, format="rgb24"),
        format="yuv420p",
        dst_colorspace=Colorspace.ITU709,
        dst_color_range=LIMITED_RANGE,
    )
    units: list[bytes] = []
    for number in range(GROUP_PICTURES):
        picture.pts, picture.time_base = number, codec.time_base
        picture.pict_type = PictureType.NONE if number else PictureType.I
        units += [_without_supplements(bytes(unit)) for unit in codec.encode(picture)]
    assert len(units) == GROUP_PICTURES
    return tuple(units)


def _open_x264(width: int, height: int) -> av.VideoCodecContext:
    codec = av.CodecContext.create("libx264", "w")
    codec.width, codec.height, codec.pix_fmt = width, height, "yuv420p"
    codec.time_base, codec.framerate = Fraction(PICTURE_90KHZ, 90_000), Fraction(90_000, PICTURE_90KHZ)
    codec.max_b_frames, codec.gop_size, codec.thread_count = 0, GROUP_PICTURES, 1
    codec.color_range, codec.colorspace = LIMITED_RANGE, BT709
    codec.color_primaries, codec.color_trc = BT709, BT709
    codec.options = {
        "preset": "slow",
        "tune": "zerolatency",
        "profile": "main",
        "crf": "26",
        # The keyframe is so good that the pictures after it find next to nothing to add.
        "x264-params": "ipratio=2",
        "aud": "1",
    }
    try:
        codec.open()
    except (av.FFmpegError, ValueError) as error:
        raise MediaError(f"x264 does not take {width}x{height} for a slate: choose an even size") from error
    return codec


def _without_supplements(unit: bytes) -> bytes:
    """Return an access unit without x264's description of itself, 700 bytes in each keyframe."""
    # The three zero bytes before a 1 stand in no unit (7.4.1), and x264 writes the long code between all of ours.
    units = unit.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")[1:]
    return b"".join(_START_CODE + unit for unit in units if unit[0] & 0x1F != _SUPPLEMENTAL)


def _silent_frame() -> bytes:
    """Return an AAC frame that is followed by itself: the encoder's first differ."""
    encoder = SoundEncoder(Codec.AAC)
    silence = np.zeros((CHANNELS, 8 * 1024), np.float32)
    [data] = list(encoder.encode(pcm_frame(silence), 0))[-1].data
    return data
