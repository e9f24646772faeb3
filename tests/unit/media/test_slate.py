import re
import subprocess
from itertools import pairwise
from pathlib import Path

import av
import pytest
from tests.support.programs import find_program

from headrace.media.errors import MediaError
from headrace.media.slate import GROUP_PICTURES, make_slate
from headrace.mpegts.demuxer import Demuxer
from headrace.mpegts.slate_player import Slate, SlatePlayer

MINUTE_US = 60_000_000


@pytest.fixture(scope="module")
def slate() -> Slate:
    return make_slate("We will be back in a few minutes")


def play(slate: Slate, duration_us: int) -> bytes:
    player, ts = SlatePlayer(slate, 0), b""
    while (now_us := player.poll_timer()) < duration_us:
        ts += b"".join(player.poll(now_us))
    return ts


def nal_types(data: bytes) -> list[int]:
    return [data[found.end()] & 0x1F for found in re.finditer(b"\0\0\x01", data)]


def test_a_group_is_a_keyframe_and_small_pictures(slate: Slate) -> None:
    assert len(slate.pictures) == GROUP_PICTURES
    assert nal_types(slate.pictures[0]) == [9, 7, 8, 5]
    assert all(nal_types(picture) == [9, 1] for picture in slate.pictures[1:])
    assert sorted(map(len, slate.pictures[1:]))[GROUP_PICTURES // 2] < 80


def test_a_minute_costs_less_than_50_kbit_a_second(slate: Slate) -> None:
    assert len(play(slate, MINUTE_US)) * 8 / 60 < 50_000


def test_the_sound_of_a_tick_fits_into_one_packet(slate: Slate) -> None:
    assert len(slate.sound) <= 160
    assert slate.sound.count(b"\xff\xf1\x4c\x80") == 8


def test_without_sound_there_is_none() -> None:
    assert make_slate("Back soon", width=320, height=180, sound=False).sound == b""


def test_what_is_decoded_is_the_picture_and_stays_the_same(slate: Slate) -> None:
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    frames = [frame for unit in slate.pictures * 2 for frame in decoder.decode(av.Packet(unit))]
    frames += decoder.decode(None)
    assert len(frames) == 2 * GROUP_PICTURES
    first, last = (frame.to_ndarray(format="gray").astype(int) for frame in (frames[0], frames[-1]))
    assert first.shape == (720, 1280)
    assert first.min() < 25
    assert first.max() > 220
    assert abs(first - last).mean() < 1


@pytest.mark.parametrize("sound", [True, False])
def test_ffmpeg_decodes_a_minute_of_it_without_a_word(sound: bool, tmp_path: Path) -> None:
    ffmpeg = find_program("ffmpeg")
    file = tmp_path / "slate.ts"
    file.write_bytes(play(make_slate("Back soon", width=640, height=360, sound=sound), MINUTE_US))
    command = [ffmpeg, "-v", "error", "-i", str(file), "-f", "framecrc", "-"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split(",") for line in done.stdout.splitlines() if not line.startswith("#")]
    for stream, least in [("0", 700), ("1", 2_800)] if sound else [("0", 700)]:
        times = [int(line[2]) for line in lines if line[0] == stream]
        assert len(times) >= least
        assert all(earlier < later for earlier, later in pairwise(times))


def test_our_own_demuxer_finds_nothing_to_complain_about(slate: Slate) -> None:
    demuxer = Demuxer()
    units = demuxer.feed(play(slate, MINUTE_US))
    assert len(units) == 704 + 352
    assert demuxer.drops == {}


def test_a_size_that_x264_does_not_take_says_so() -> None:
    with pytest.raises(MediaError, match="even size"):
        make_slate("Back soon", width=101, height=77)
