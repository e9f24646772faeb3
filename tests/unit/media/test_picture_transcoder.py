"""Pictures without B-frames of pictures with some."""

from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from random import Random

import av
import numpy as np
import pytest
from av.video.frame import PictureType
from tests.support.encoded_streams import encoded_stream, payloads_of
from tests.support.reordered import B_FRAMES, REFRESHED, reordered_units

from headrace.codecs import h264
from headrace.codecs.annex_b import join_annex_b, split_annex_b
from headrace.media import picture_transcoder
from headrace.media.errors import MediaError
from headrace.media.picture_pipe import CodedPicture
from headrace.media.picture_transcoder import PictureTranscoder
from headrace.remux.ts_to_units import TsToUnits


def coded(pictures: int = 50, size: tuple[int, int] = (320, 180)) -> list[CodedPicture]:
    units = reordered_units(pictures, size=size)
    return [CodedPicture(unit.pts_90khz, join_annex_b(unit.data), unit.is_keyframe) for unit in units]


def converted(pictures: list[CodedPicture], transcoder: PictureTranscoder | None = None) -> list[CodedPicture]:
    transcoder = transcoder or PictureTranscoder("h264")
    return [made for picture in pictures for made in transcoder.convert(picture)]


def decoded(pictures: list[CodedPicture]) -> list[av.VideoFrame]:
    """Return what a decoder shows of pictures in the order in which it gets them."""
    decoder = av.CodecContext.create("h264", "r")
    frames = []
    for picture in pictures:
        packet = av.Packet(picture.data)
        packet.pts = picture.pts_90khz
        frames += decoder.decode(packet)
    return frames + decoder.decode(None)


def test_every_picture_is_shown_at_its_time_and_none_is_reordered() -> None:
    pictures = coded()
    made = converted(pictures)
    # The decoder holds two back, as long as it does not know that nothing follows.
    assert [one.pts_90khz for one in made] == sorted(one.pts_90khz for one in pictures)[: len(made)]
    assert len(made) >= len(pictures) - 2
    frames = decoded(made)
    assert [frame.pts for frame in frames] == [one.pts_90khz for one in made]
    assert PictureType.B not in {frame.pict_type for frame in frames}
    wanted = {frame.pts: frame for frame in decoded(pictures)}
    for frame in frames:
        apart = frame.to_ndarray(format="gray").astype(int) - wanted[frame.pts].to_ndarray(format="gray")
        assert np.abs(apart).mean() < 3


def test_what_browsers_are_told_of_it_is_constrained_baseline_of_the_same_size() -> None:
    made = converted(coded(10))
    (sps,) = (unit for unit in split_annex_b(made[0].data) if h264.nal_type(unit) == h264.NalType.SPS)
    facts = h264.parse_sps(sps)
    assert facts.profile_level_id.startswith("42c0")
    assert (facts.width, facts.height, facts.max_num_reorder_frames) == (320, 180, 0)
    assert made[0].is_keyframe


def test_keyframes_come_with_those_of_the_stream_and_after_two_seconds_anyway() -> None:
    made = converted(coded(100))
    keys = [one.pts_90khz for one in made if one.is_keyframe]
    assert len(keys) == 4
    assert all(80_000 <= after - before <= 100_000 for before, after in pairwise(keys))
    options = B_FRAMES | {"g": "250"}
    to_units = TsToUnits()
    ts = encoded_stream(120, audio=None, video_options=options)
    units = [unit for payload in payloads_of(ts) for unit in to_units.feed(payload)]
    assert sum(unit.is_keyframe for unit in units) == 1
    made = converted([CodedPicture(unit.pts_90khz, join_annex_b(unit.data)) for unit in units])
    keys = [one.pts_90khz for one in made if one.is_keyframe]
    assert [after - before for before, after in pairwise(keys)] == [180_000, 180_000]


def test_who_catches_up_begins_with_a_keyframe_of_now() -> None:
    pictures = coded()
    late = [replace(one, is_shown=False) for one in pictures[:40]]
    transcoder = PictureTranscoder("h264")
    assert converted(late, transcoder) == []
    made = converted(pictures[40:], transcoder)
    assert made[0].is_keyframe
    assert made[0].pts_90khz >= sorted(one.pts_90khz for one in pictures)[36]
    assert len(decoded(made)) == len(made)


def test_of_a_stream_without_idr_pictures_all_is_shown_from_where_it_is_whole() -> None:
    to_units = TsToUnits()
    ts = encoded_stream(100, audio=None, video_options=REFRESHED)
    units = [unit for payload in payloads_of(ts) for unit in to_units.feed(payload)]
    (begin, *_) = (at for at, unit in enumerate(units[1:], 1) if h264.is_recovery_point(unit.data))
    made = converted([CodedPicture(unit.pts_90khz, join_annex_b(unit.data)) for unit in units[begin:]])
    assert made[0].is_keyframe
    # 320 pixels are twenty columns, of which one is new in each picture.
    late_90khz = made[0].pts_90khz - units[begin].pts_90khz
    assert 15 * 3_600 <= late_90khz <= 30 * 3_600
    assert made[-1].pts_90khz == units[-1].pts_90khz
    assert len(decoded(made)) == len(made)


@pytest.mark.parametrize("seed", [1, 7, 9])
def test_after_damaged_pictures_all_is_shown_again_from_the_second_keyframe_at_the_latest(seed: int) -> None:
    """Seeds 7 and 9 are such after which FFmpeg's decoder shows nothing any more, whatever comes."""
    random, pictures = Random(seed), coded()
    transcoder = PictureTranscoder("h264")
    for number in range(400):
        picture = pictures[number % len(pictures)]
        data = bytearray(picture.data)
        for _ in range(random.randrange(1, 20)):
            data[random.randrange(len(data))] = random.randrange(256)
        with suppress(av.FFmpegError, MediaError):
            transcoder.convert(replace(picture, data=bytes(data[: random.randrange(1, len(data) + 1)])))
    later = [replace(one, pts_90khz=one.pts_90khz + 900_000) for one in pictures]
    made = [one for one in converted(later, transcoder) if one.pts_90khz > 900_000]
    keys = [one.pts_90khz for one in later if one.is_keyframe]
    assert made[0].pts_90khz <= keys[1]
    wanted = {one.pts_90khz for one in later if one.pts_90khz >= made[0].pts_90khz}
    assert len(wanted - {one.pts_90khz for one in made}) <= 3


def test_garbage_is_refused_and_the_next_keyframe_is_shown() -> None:
    pictures = coded()
    transcoder = PictureTranscoder("h264")
    for rubbish in (b"", b"\0\0\0\1\x65" + b"\xff" * 500, bytes(90), b"\0\0\1\x41" * 50):
        with suppress(av.FFmpegError, MediaError):
            assert transcoder.convert(CodedPicture(0, rubbish)) == []
    made = converted(pictures, transcoder)
    assert made[0].is_keyframe
    assert len(decoded(made)) >= len(pictures) - 2


def test_times_that_go_back_are_another_stream_s_and_a_short_step_back_is_left_out() -> None:
    pictures = coded()
    transcoder = PictureTranscoder("h264")
    first = converted(pictures, transcoder)
    again = converted(pictures, transcoder)
    # What the decoder held back of the first comes out with the second.
    assert again[-1].pts_90khz == first[-1].pts_90khz
    assert sum(one.is_keyframe for one in again) >= 2
    short = PictureTranscoder("h264")
    made = converted(pictures[:8], short)
    earlier = [replace(one, pts_90khz=one.pts_90khz - 9_000) for one in pictures[25:33]]
    assert all(one.pts_90khz > made[-1].pts_90khz for one in converted(earlier, short))


def test_a_picture_of_another_size_has_an_encoder_of_its_own() -> None:
    transcoder = PictureTranscoder("h264")
    small = converted(coded(10), transcoder)
    later = [replace(one, pts_90khz=one.pts_90khz + 90_000) for one in coded(10, (160, 90))]
    large = converted(later, transcoder)
    sizes = [(frame.width, frame.height) for frame in decoded(small + large)]
    assert set(sizes) == {(320, 180), (160, 90)}


def test_the_rate_is_near_the_stream_s() -> None:
    pictures = coded(100)
    transcoder = PictureTranscoder("h264")
    converted(pictures, transcoder)
    seen = transcoder._rates.bits_per_second
    assert seen is not None
    assert transcoder._shape.bits_per_second == max(300_000, round(1.25 * seen))
    assert transcoder._shape.pictures_per_second in range(22, 31)


def test_what_is_too_large_or_unknown_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MediaError, match="mpeg4"):
        PictureTranscoder("mpeg4")
    monkeypatch.setattr(picture_transcoder, "MAX_PIXELS", 320 * 180 - 1)
    with pytest.raises(MediaError, match="320 x 180"):
        converted(coded(10))
