from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import pytest

from headrace.media.errors import MediaError
from headrace.media.ffmpeg_input import FfmpegInput, open_input, open_test_pattern, open_video_file
from headrace.media.source import SourceInfo

SAMPLES = Path(__file__).parents[3] / "samples"


def test_a_video_file_gives_pictures_and_sound_by_time() -> None:
    source = open_video_file(SAMPLES / "clip.mp4")
    assert source.info == SourceInfo(960, 540, Fraction(30), has_audio=True)
    items = list(islice(source.frames(), 100))
    times_us = [item.time_us for item in items]
    assert times_us == sorted(times_us)
    pictures = [item for item in items if isinstance(item.frame, av.VideoFrame)]
    assert [item.time_us for item in pictures[:4]] == [0, 33_333, 66_667, 100_000]
    assert len(items) - len(pictures) > 40


def test_a_source_starts_again_from_the_start() -> None:
    source = open_test_pattern(width=64, height=48, frame_rate=10, duration_s=0.5)
    first, second = [[item.time_us for item in source.frames()] for _ in range(2)]
    assert first == second
    assert len(first) > 10


def test_the_test_pattern_has_size_rate_and_tone() -> None:
    source = open_test_pattern(width=320, height=180, frame_rate=20, duration_s=1)
    assert source.info == SourceInfo(320, 180, Fraction(20), has_audio=True)
    items = list(source.frames())
    assert sum(isinstance(item.frame, av.VideoFrame) for item in items) == 20
    assert sum(item.frame.samples for item in items if isinstance(item.frame, av.AudioFrame)) == 48_000


def test_an_input_may_name_its_format() -> None:
    source = open_input("lavfi:testsrc2=size=96x64:rate=5")
    assert (source.info.width, source.info.has_audio, source.live) == (96, False, False)
    assert open_input(str(SAMPLES / "clip.mp4")).info.width == 960


def test_what_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="there is no file"):
        open_video_file(tmp_path / "none.mp4")
    (tmp_path / "text.mp4").write_text("not a video")
    with pytest.raises(MediaError, match="cannot be opened"):
        open_video_file(tmp_path / "text.mp4")
    with pytest.raises(MediaError, match="no file or device /dev/video99"):
        open_input("v4l2:/dev/video99")
    with pytest.raises(MediaError, match="cannot be opened"):
        open_input("lavfi:nosuchfilter")


def test_sound_alone_is_refused() -> None:
    with pytest.raises(MediaError, match="has no video"):
        open_video_file(SAMPLES / "audio" / "segment1.mp3")


def test_a_live_input_gives_frames_as_they_arrive_and_closes() -> None:
    source = FfmpegInput("testsrc2=size=64x48:rate=10:duration=0.5", "lavfi", live=True)
    times_us = [item.time_us for item in source.frames()]
    # A live input is not kept while FFmpeg looks at it, so its first frames may be gone.
    assert times_us == [0, 100_000, 200_000, 300_000, 400_000][-len(times_us) :]
    assert len(times_us) >= 3
    source.close()


def test_the_sample_clip_has_no_b_frames_so_that_browsers_play_it_as_it_is() -> None:
    with av.open(str(SAMPLES / "clip.mp4")) as container:
        pts = [packet.pts for packet in container.demux(video=0) if packet.pts is not None]
    assert len(pts) == 300
    assert pts == sorted(pts)
