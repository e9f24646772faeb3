import re
from fractions import Fraction

import av
import numpy as np
import pytest
from tests.support.pictures import picture

from headrace.media.encoder import EncoderSettings, VideoEncoder, encoded_size
from headrace.media.errors import MediaError
from headrace.media.source import SourceInfo

INFO = SourceInfo(64, 48, Fraction(25), has_audio=True)


def nal_types(data: bytes) -> list[int]:
    return [data[found.end()] & 0x1F for found in re.finditer(b"\0\0\x01", data)]


def test_each_picture_comes_out_at_once_with_its_time() -> None:
    encoder = VideoEncoder(INFO, EncoderSettings())
    for number in range(30):
        [unit] = encoder.encode(picture(number), number * 40_000)
        assert unit.time_90khz == number * 3_600
        assert nal_types(unit.data)[0] == 9


def test_keyframes_come_on_time_and_carry_their_parameters() -> None:
    encoder = VideoEncoder(INFO, EncoderSettings(keyframe_interval_ms=400))
    units = [encoder.encode(picture(number), number * 40_000)[0] for number in range(40)]
    assert [number for number, unit in enumerate(units) if unit.key_frame] == [0, 10, 20, 30]
    assert all({7, 8, 5} <= set(nal_types(unit.data)) for unit in units if unit.key_frame)


def test_pictures_of_keyframes_do_not_make_keyframes() -> None:
    encoder = VideoEncoder(INFO, EncoderSettings())
    frames = [picture(number) for number in range(5)]
    for frame in frames:
        frame.pict_type = av.video.frame.PictureType.I
    units = [encoder.encode(frame, number * 40_000)[0] for number, frame in enumerate(frames)]
    assert [unit.key_frame for unit in units] == [True, False, False, False, False]


def test_a_second_picture_of_the_same_time_is_left_out() -> None:
    encoder = VideoEncoder(INFO, EncoderSettings())
    assert [len(encoder.encode(picture(0), time_us)) for time_us in (0, 0, 5, 40_000, 39_000)] == [1, 0, 0, 1, 0]


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [
        (None, None, (640, 358)),
        (320, None, (320, 178)),
        (None, 180, (320, 180)),
        (101, 77, (100, 76)),
        (1, 1, (2, 2)),
    ],
)
def test_sizes_are_even_and_keep_their_shape(
    width: int | None, height: int | None, expected: tuple[int, int]
) -> None:
    info = SourceInfo(641, 359, Fraction(25), has_audio=False)
    assert encoded_size(info, EncoderSettings(width=width, height=height)) == expected


@pytest.mark.parametrize(
    ("pix_fmt", "color_range"),
    [("yuvj420p", 2), ("yuv420p", 2), ("yuv420p", 1), ("rgb24", None), ("yuv422p", None), ("gray", None)],
)
def test_white_is_white_whatever_the_format(pix_fmt: str, color_range: int | None) -> None:
    white = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 255, np.uint8), format="rgb24")
    frame = white.reformat(format=pix_fmt, dst_color_range=color_range)
    [unit] = VideoEncoder(INFO, EncoderSettings()).encode(frame, 0)
    decoder = av.CodecContext.create("h264", "r")
    [decoded] = decoder.decode(av.Packet(unit.data)) + decoder.decode(None)
    assert abs(int(np.frombuffer(bytes(decoded.planes[0]), np.uint8)[:64].mean()) - 235) <= 2


def test_settings_that_x264_does_not_take_say_so() -> None:
    with pytest.raises(MediaError, match="not a preset"):
        VideoEncoder(INFO, EncoderSettings(preset="fastest"))
    with pytest.raises(MediaError, match="choose other values"):
        VideoEncoder(INFO, EncoderSettings(width=100_000, height=100_000))
