"""A small picture of a keyframe."""

import io
from dataclasses import replace

import pytest
from PIL import Image
from tests.support.keyframes import keyframe_stream
from tests.support.transport import packets_of

from headrace.media.errors import MediaError
from headrace.media.thumbnail import Thumbnail
from headrace.media.thumbnail_picture import thumbnail_of


def opened(thumbnail: Thumbnail | None) -> Image.Image:
    assert thumbnail is not None
    return Image.open(io.BytesIO(thumbnail.jpeg))


def grey(picture: Image.Image, x: int, y: int) -> int:
    value = picture.convert("L").getpixel((x, y))
    assert isinstance(value, int)
    return value


def test_a_picture_of_another_shape_has_black_bars_beside_it() -> None:
    picture = opened(thumbnail_of(keyframe_stream(size=(320, 240))))
    assert (picture.format, picture.size) == ("JPEG", (480, 270))
    # 4:3 fills the height: 360 pixels in the middle.
    assert grey(picture, 30, 135) < 10
    assert grey(picture, 450, 135) < 10
    assert 40 < grey(picture, 240, 135) < 90
    assert 40 < grey(picture, 240, 2) < 90


def test_a_wide_picture_fills_the_whole() -> None:
    picture = opened(thumbnail_of(keyframe_stream(size=(640, 360))))
    assert all(40 < grey(picture, x, y) < 90 for x, y in ((120, 3), (476, 3), (240, 135), (476, 266)))


def test_it_tells_what_the_stream_is_and_is_called() -> None:
    thumbnail = thumbnail_of(keyframe_stream(size=(640, 360), title="Pier"))
    assert thumbnail is not None
    assert replace(thumbnail, jpeg=b"") == Thumbnail(b"", "h264", 640, 360, has_reordering=False, title="Pier")


def test_a_keyframe_that_is_there_only_in_part_gives_no_picture() -> None:
    packets = packets_of(keyframe_stream())
    second = [at for at, packet in enumerate(packets) if packet[1] & 0x40 and packet[1:3] != b"\x40\x00"]
    with_first_only = b"".join(packets[: second[2] - 1])
    assert thumbnail_of(with_first_only) is None


def test_a_stream_without_pictures_gives_none_or_says_so() -> None:
    with pytest.raises(MediaError, match="no picture can be decoded"):
        thumbnail_of(b"")
    with pytest.raises(MediaError, match="no picture can be decoded"):
        thumbnail_of(b"not a transport stream" * 1000)
