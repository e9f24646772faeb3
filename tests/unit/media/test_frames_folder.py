import shutil
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from headrace.media.errors import MediaError
from headrace.media.frames_folder import FramesFolder, decode_picture, decode_second, natural_key
from headrace.media.pcm import SAMPLE_RATE_HZ

SAMPLES = Path(__file__).parents[3] / "samples"


def folder_of(target: Path, source: Path, names: dict[str, str]) -> Path:
    target.mkdir()
    for name, original in names.items():
        shutil.copy(source / original, target / name)
    return target


def test_two_comes_before_ten() -> None:
    names = ["frame10.jpg", "frame2.jpg", "frame1.jpg", "Frame1b.jpg", "7.jpg", "a.jpg"]
    assert sorted(map(Path, names), key=natural_key) == list(
        map(Path, ["7.jpg", "Frame1b.jpg", "a.jpg", "frame1.jpg", "frame2.jpg", "frame10.jpg"])
    )


def test_pictures_and_sound_come_by_time(tmp_path: Path) -> None:
    names = {f"f{number}.jpg": f"frame{number}.jpg" for number in range(1, 13)}
    source = FramesFolder(folder_of(tmp_path / "f", SAMPLES / "frames", names), SAMPLES / "audio", 10)
    assert (source.info.width, source.info.height, source.info.has_audio) == (640, 360, True)
    items = list(source.frames())
    assert [item.time_us for item in items] == sorted(item.time_us for item in items)
    pictures = [item for item in items if isinstance(item.frame, av.VideoFrame)]
    assert [item.time_us for item in pictures] == [number * 100_000 for number in range(12)]
    sounds = [item for item in items if isinstance(item.frame, av.AudioFrame)]
    assert [item.time_us for item in sounds] == [number * 20_000 for number in range(60)]


def test_a_rate_that_does_not_divide_a_second_does_not_drift(tmp_path: Path) -> None:
    names = {f"{number}.jpg": "frame1.jpg" for number in range(31)}
    source = FramesFolder(folder_of(tmp_path / "f", SAMPLES / "frames", names), None, Fraction(30_000, 1_001))
    items = list(source.frames())
    assert items[30].time_us == 1_001_000
    assert all(item.time_us + item.duration_us == later.time_us for item, later in pairwise(items))


def test_each_segment_is_one_second_exactly() -> None:
    segment = decode_second(SAMPLES / "audio" / "segment1.mp3")
    assert segment.shape == (2, SAMPLE_RATE_HZ)
    assert np.abs(segment).max() > 0.1
    assert np.abs(segment[:, -2_400:]).max() < 0.4


def test_png_files_are_pictures_too(tmp_path: Path) -> None:
    codec = av.CodecContext.create("png", "w")
    codec.width, codec.height, codec.pix_fmt, codec.time_base = 32, 24, "rgb24", Fraction(1, 25)
    [packet] = codec.encode(av.VideoFrame(32, 24, "rgb24"))
    (tmp_path / "a.PNG").write_bytes(bytes(packet))
    assert decode_picture(tmp_path / "a.PNG").width == 32
    assert FramesFolder(tmp_path).info.has_audio is False


def test_missing_and_empty_folders_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"there is no folder .*nowhere: give the folder that holds the frames"):
        FramesFolder(tmp_path / "nowhere")
    with pytest.raises(MediaError, match=r"no frames in .*\*\.jpg"):
        FramesFolder(tmp_path)
    with pytest.raises(MediaError, match=r"no audio segments in .*\*\.mp3"):
        FramesFolder(SAMPLES / "frames", tmp_path)
    with pytest.raises(MediaError, match="rate of 0"):
        FramesFolder(SAMPLES / "frames", None, 0)


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\xff\xd8\xff\xe0" + bytes(100)])
def test_a_damaged_picture_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.jpg").write_bytes(content)
    with pytest.raises(MediaError, match=r"bad\.jpg"):
        FramesFolder(tmp_path)


def test_damaged_sound_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.mp3").write_bytes(b"not sound")
    with pytest.raises(MediaError, match=r"bad\.mp3"):
        decode_second(tmp_path / "bad.mp3")
