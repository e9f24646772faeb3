"""Where a viewer is in a stream, and under which numbers it gets that."""

from random import Random

import pytest
from tests.support.rtc_stage import FRAME_90KHZ, picture

from headrace.endpoints.rtc_channel import VIDEO_PAYLOAD_TYPE, RtcStream
from headrace.endpoints.rtc_viewer import (
    PRELUDE_TICKS,
    RESTART_TICKS,
    SAFE_FIRST_SEQNO,
    Numbers,
    Place,
)
from headrace.remux.access_unit import Codec
from headrace.webrtc.rtp import decode_rtp, timestamp_distance

NOW_US = 1_000_000


def make_stream(pictures: int = 0, *, keyframe: int = 0) -> RtcStream:
    stream = RtcStream(Codec.H264, VIDEO_PAYLOAD_TYPE, Random(1).randbytes)
    for number in range(pictures):
        stream.add(picture(number, is_keyframe=number == keyframe), NOW_US)
    return stream


def dressed(place: Place, begin: int, end: int) -> list[tuple[int, int]]:
    """Return number and timestamp of packets as the viewer gets them."""
    packets = [place.dress(one, at) for at, one in enumerate(place.stream.ring.between(begin, end), begin)]
    return [(packet.seqno, packet.timestamp) for packet in map(decode_rtp, packets)]


@pytest.mark.parametrize("first", [0, 5, 0x7FFF, 0x8000, 0xFFFF, 0x1_0000, 0x12_FFF0])
def test_the_first_number_is_far_from_the_wrap_and_the_index_counts_no_rollover(first: int) -> None:
    stream = make_stream()
    place = Place(stream, Numbers(102))
    place.start_at(first)
    assert 0 <= place.index_of(first) < SAFE_FIRST_SEQNO
    assert place.index_of(first) % SAFE_FIRST_SEQNO == first % SAFE_FIRST_SEQNO


def test_packets_have_the_viewer_s_payload_type_and_keep_their_marker() -> None:
    stream = make_stream(1)
    place = Place(stream, Numbers(102))
    place.start_at(0)
    packets = stream.ring.between(0, stream.ring.next_index)
    mine = [decode_rtp(place.dress(one, index)) for index, one in enumerate(packets)]
    assert {one.payload_type for one in mine} == {102}
    assert [one.marker for one in mine] == [decode_rtp(one).marker for one in packets]
    assert [one.payload for one in mine] == [decode_rtp(one).payload for one in packets]


def test_the_pictures_since_the_keyframe_are_stamped_close_together_and_what_follows_truly() -> None:
    stream = make_stream(100)
    place = Place(stream, Numbers(102))
    assert place.start_with_keyframe(NOW_US)
    assert place.next_index == 0
    before = stream.ring.next_index
    stamps = sorted({stamp for _, stamp in dressed(place, 0, before)})
    assert len(stamps) == 100
    assert stamps[-1] <= stream.newest_timestamp
    assert PRELUDE_TICKS * 0.9 < timestamp_distance(stamps[0], stamps[-1]) <= PRELUDE_TICKS
    stream.add(picture(100), NOW_US)
    assert dressed(place, before, before + 1)[0][1] == stream.newest_timestamp


def test_a_viewer_that_begins_again_goes_on_with_its_numbers_and_its_time_never_goes_back() -> None:
    stream = make_stream(50)
    place = Place(stream, Numbers(102))
    assert place.start_with_keyframe(NOW_US)
    end = stream.ring.next_index
    place.next_index = end
    stream.add(picture(50), NOW_US)
    last = dressed(place, stream.ring.next_index - 1, stream.ring.next_index)[0]
    place.next_index = stream.ring.next_index
    assert place.start_with_keyframe(NOW_US)
    assert place.next_index == 0
    again = dressed(place, 0, stream.ring.next_index)
    assert again[0][0] == (last[0] + 1) & 0xFFFF
    assert [seqno for seqno, _ in again] == [(again[0][0] + step) & 0xFFFF for step in range(len(again))]
    stamps = [stamp for _, stamp in again]
    assert stamps == sorted(stamps)
    assert timestamp_distance(last[1], stamps[0]) > 0
    assert timestamp_distance(last[1], stamps[-1]) <= RESTART_TICKS + 1 < FRAME_90KHZ
    assert len(set(stamps)) == 51


def test_nobody_begins_again_where_it_has_just_begun_or_without_a_keyframe() -> None:
    stream = make_stream(5)
    place = Place(stream, Numbers(102))
    assert place.start_with_keyframe(NOW_US)
    assert not place.start_with_keyframe(NOW_US)
    stream.add(picture(5), NOW_US)
    assert place.start_with_keyframe(NOW_US)
    assert not Place(make_stream(3, keyframe=9), Numbers(102)).start_with_keyframe(NOW_US)


def test_a_number_is_that_of_a_packet_only_if_it_was_sent_under_it() -> None:
    stream = make_stream(10)
    place = Place(stream, Numbers(102))
    assert place.channel_index_of(0) is None
    place.start_at(6)
    place.skip_to(10)
    told = [place.channel_index_of(place.index_of(index) & 0xFFFF) for index in (5, 6, 9, 10)]
    assert told == [None, 6, 9, None]
    place.start_with_keyframe(NOW_US)
    place.skip_to(4)
    # Under these numbers it got other packets before it began again.
    assert place.channel_index_of((place.index_of(0) - 1) & 0xFFFF) is None
    assert place.channel_index_of(place.index_of(3) & 0xFFFF) == 3


def test_who_gets_the_same_packets_in_clear_has_the_same_outfit() -> None:
    stream = make_stream(40)
    places = [Place(stream, Numbers(number)) for number in (102, 102, 103)]
    for index, place in enumerate(places):
        place.start_at(index)
    assert places[0].outfit == places[1].outfit != places[2].outfit


def test_who_goes_on_in_another_stream_of_the_same_clock_has_numbers_and_times_that_go_on() -> None:
    stream = make_stream(30)
    place = Place(stream, Numbers(102))
    assert place.start_with_keyframe(NOW_US)
    place.next_index = stream.ring.next_index
    last = dressed(place, stream.ring.next_index - 1, stream.ring.next_index)[0]
    other = RtcStream(Codec.H264, VIDEO_PAYLOAD_TYPE, Random(2).randbytes, beside=stream)
    assert (other.ssrc, other.rtx_ssrc) == (stream.ssrc, stream.rtx_ssrc)
    assert other.timestamp_at(7) == stream.timestamp_at(7)
    # Of the same moment as the last picture.
    other.add(picture(29, 900, is_keyframe=True), NOW_US)
    assert place.move_to(other, NOW_US)
    assert place.stream is other
    (mine,) = dressed(place, 0, 1)
    assert mine == ((last[0] + 1) & 0xFFFF, (last[1] + 1) & 0xFFFF_FFFF)
    # What it got before under the numbers of the first stream is not sent again from the other.
    assert place.channel_index_of(last[0]) is None
    other.add(picture(30, 900), NOW_US)
    place.next_index = 2
    assert dressed(place, 1, 2) == [((last[0] + 2) & 0xFFFF, other.newest_timestamp)]


def test_who_would_go_on_in_a_stream_that_is_behind_its_own_never_goes_back_in_time() -> None:
    stream = make_stream(31)
    place = Place(stream, Numbers(102))
    assert place.start_with_keyframe(NOW_US)
    place.next_index = stream.ring.next_index
    other = RtcStream(Codec.H264, VIDEO_PAYLOAD_TYPE, Random(2).randbytes, beside=stream)
    other.add(picture(29, 900, is_keyframe=True), NOW_US)
    assert place.move_to(other, NOW_US)
    assert dressed(place, 0, 1)[0][1] == (stream.newest_timestamp + 1) & 0xFFFF_FFFF


def test_who_cannot_begin_in_another_stream_stays_where_it_is() -> None:
    stream = make_stream(3)
    place = Place(stream, Numbers(102))
    assert place.start_with_keyframe(NOW_US)
    before = place.prelude, place.shift
    other = RtcStream(Codec.H264, VIDEO_PAYLOAD_TYPE, Random(2).randbytes, beside=stream)
    assert not place.move_to(other, NOW_US)
    assert (place.stream, place.prelude, place.shift) == (stream, *before)


def test_that_one_stream_has_as_many_packets_as_another_keeps_nobody_from_going_on_in_it() -> None:
    stream = make_stream(4)
    place = Place(stream, Numbers(102))
    assert place.start_with_keyframe(NOW_US)
    other = RtcStream(Codec.H264, VIDEO_PAYLOAD_TYPE, Random(2).randbytes, beside=stream)
    for number in range(4):
        other.add(picture(number, is_keyframe=number == 0), NOW_US)
    assert other.ring.next_index == stream.ring.next_index
    assert place.move_to(other, NOW_US)
