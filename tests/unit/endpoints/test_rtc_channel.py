"""A channel's transport stream as RTP, once for all who watch."""

from random import Random

import pytest
from tests.support.encoded_streams import encoded_stream, payloads_of
from tests.support.recoder import Recoder
from tests.support.reordered import B_FRAMES, REFRESHED, reordered_units
from tests.support.rtc_stage import picture, sound

from headrace.endpoints.rtc_channel import RtcChannel
from headrace.remux.access_unit import AccessUnit, Codec
from headrace.webrtc.rtp import decode_rtp

NOW_US = 5_000_000


class Converter:
    """Takes what it is given."""

    def __init__(self) -> None:
        self.units: list[AccessUnit] = []
        self.is_closed = False

    def feed(self, unit: AccessUnit) -> None:
        self.units.append(unit)

    def close(self) -> None:
        self.is_closed = True


def make_channel(converter: Converter | None = None, recoder: Recoder | None = None) -> RtcChannel:
    return RtcChannel("A", Random(1).randbytes, converter, recoder)


def test_pictures_and_opus_become_packets_of_two_streams_that_know_their_times() -> None:
    channel = make_channel()
    assert channel.profile_level_id is None
    channel.take(payloads_of(encoded_stream(30, audio="libopus")), NOW_US)
    video, audio = (
        [decode_rtp(one) for one in stream.ring.between(0, stream.ring.next_index)] for stream in channel.streams
    )
    assert {one.ssrc for one in video} == {channel.video.ssrc}
    assert {one.ssrc for one in audio} == {channel.audio.ssrc}
    assert len({one.timestamp for one in video}) >= 28
    assert len(audio) >= 50
    assert channel.video.newest_timestamp == video[-1].timestamp
    assert channel.video.ring.keyframe_index is not None
    assert channel.profile_level_id is not None
    assert channel.notice is None


@pytest.mark.parametrize(("video", "has_pictures"), [(None, False), ("libx264", True), ("mpeg2video", True)])
def test_it_is_known_whether_a_channel_has_pictures(video: str | None, has_pictures: bool) -> None:
    channel = make_channel()
    assert channel.has_pictures is None
    options = {"g": "25"} if video == "mpeg2video" else None
    channel.take(payloads_of(encoded_stream(10, video=video, audio="libopus", video_options=options)), NOW_US)
    assert channel.has_pictures is has_pictures


def test_aac_goes_to_the_converter_and_comes_back_as_opus() -> None:
    converter = Converter()
    channel = make_channel(converter)
    channel.take(payloads_of(encoded_stream(10)), NOW_US)
    assert {unit.codec for unit in converter.units} == {Codec.AAC}
    assert channel.audio.ring.next_index == 0
    channel.take_units([sound(0)], NOW_US)
    assert channel.audio.ring.next_index == 1
    channel.close()
    assert converter.is_closed


def test_aac_beside_opus_is_passed_over() -> None:
    converter = Converter()
    channel = make_channel(converter)
    channel.take(payloads_of(encoded_stream(10, audio="libopus")), NOW_US)
    assert converter.units == []


def test_pictures_in_another_order_than_they_are_decoded_are_explained() -> None:
    channel = make_channel()
    channel.take(payloads_of(encoded_stream(30, video_options=B_FRAMES)), NOW_US)
    assert channel.notice is not None
    assert "B-frames" in channel.notice


def test_with_something_that_re_encodes_they_go_there_and_come_back() -> None:
    recoder = Recoder()
    channel = make_channel(recoder=recoder)
    payloads = payloads_of(encoded_stream(30, audio=None, video_options=B_FRAMES))
    channel.take(payloads, NOW_US)
    assert (channel.notice, channel.has_reordering) == (None, True)
    assert [unit.pts_90khz for unit in recoder.units] == [unit.pts_90khz for unit in reordered_units(30)]
    assert channel.profile_level_id == "42c028"
    # What came before the first B-frame is nothing to start with.
    assert channel.video.ring.keyframe_index is None
    begin = channel.video.ring.next_index
    channel.take_recoded([picture(0, is_keyframe=True), picture(1)], NOW_US)
    assert channel.video.ring.keyframe_index == begin
    recoder.trouble = "It is on fire."
    assert channel.notice is not None
    assert channel.notice.endswith(" It is on fire.")
    channel.close()
    assert recoder.ends == 1


def test_until_there_is_a_keyframe_to_begin_with_nobody_is_sent_away_and_nothing_is_sent() -> None:
    recoder = Recoder()
    channel = make_channel(recoder=recoder)
    payloads = payloads_of(encoded_stream(24, audio=None, video_options=B_FRAMES))
    channel.take(payloads[:1], NOW_US)
    channel.take(payloads[len(payloads) // 3 : len(payloads) // 2], NOW_US, is_gap=True)
    sent = channel.video.ring.next_index
    channel.take(payloads[len(payloads) // 2 :], NOW_US)
    assert (channel.is_playable, channel.route.is_recoded, recoder.units) == (False, False, [])
    assert channel.notice is None
    assert channel.profile_level_id == "42c028"
    assert channel.video.ring.next_index == sent


def test_a_stream_without_idr_pictures_is_re_encoded_from_a_recovery_point_on() -> None:
    recoder = Recoder()
    channel = make_channel(recoder=recoder)
    payloads = payloads_of(encoded_stream(75, audio=None, video_options=REFRESHED))
    channel.take(payloads[:1], NOW_US)
    channel.take(payloads[len(payloads) // 4 :], NOW_US, is_gap=True)
    assert (channel.notice, channel.has_reordering, channel.is_playable) == (None, False, False)
    assert channel.recoded_for == "no IDR pictures"
    assert recoder.units[0].is_keyframe


def test_when_the_stream_has_none_any_more_its_own_pictures_are_shown_again() -> None:
    recoder = Recoder()
    channel = make_channel(recoder=recoder)
    channel.take(payloads_of(encoded_stream(30, audio=None, video_options=B_FRAMES)), NOW_US)
    begin = channel.video.ring.next_index
    options = B_FRAMES | {"bf": "0"}
    channel.take(payloads_of(encoded_stream(10, audio=None, video_options=options)), NOW_US)
    assert (recoder.ends, channel.notice, channel.has_reordering) == (1, None, False)
    assert channel.video.ring.keyframe_index == begin
    end = channel.video.ring.next_index
    channel.take_recoded([picture(0, is_keyframe=True)], NOW_US)
    assert channel.video.ring.next_index == end


def test_after_a_gap_nothing_is_made_of_half_a_picture() -> None:
    channel = make_channel()
    payloads = payloads_of(encoded_stream(20, audio=None))
    channel.take(payloads[: len(payloads) // 2], NOW_US)
    channel.take(payloads[len(payloads) // 2 + 1 :], NOW_US, is_gap=True)
    stamps = {decode_rtp(one).timestamp for one in channel.video.ring.between(0, channel.video.ring.next_index)}
    assert 16 <= len(stamps) <= 19


def test_the_keyframe_is_where_a_viewer_can_start() -> None:
    channel = make_channel()
    channel.take_units([picture(0, is_keyframe=True), picture(1)], NOW_US)
    begin = channel.video.ring.next_index
    channel.take_units([picture(2, is_keyframe=True), picture(3)], NOW_US)
    assert channel.video.ring.keyframe_index == begin
