from dataclasses import replace

import pytest
from tests.support.rtp_streams import PPS, SPS, packets, picture, sound

from headrace.base.errors import LocalProtocolError, PacketError
from headrace.remux.access_unit import AccessUnit, Codec
from headrace.remux.rtp_clock import SessionClock
from headrace.remux.rtp_to_units import (
    KEYFRAME_INTERVAL_US,
    KEYFRAME_PATIENCE_US,
    PICTURE_WAIT_US,
    SOUND_WAIT_US,
    RtpToUnits,
    from_rtx,
)
from headrace.webrtc.rtp import RtpPacket

PICTURES = [picture(number, key=number % 10 == 0) for number in range(20)]


def receiver(codec: Codec = Codec.H264) -> RtpToUnits:
    return RtpToUnits(codec, SessionClock())


def feed(stream: RtpToUnits, given: list[RtpPacket], now_us: int = 0) -> list[AccessUnit]:
    return [unit for packet in given for unit in stream.feed(packet, now_us)]


def test_pictures_come_back_as_they_were_with_their_markers() -> None:
    stream = receiver()
    units = feed(stream, packets(PICTURES, first_index=0xFFF0, timestamp_offset=0xFFFF_0000))
    assert units == [replace(PICTURES[0], is_discontinuous=True), *PICTURES[1:]]
    assert stream.drops == {}
    assert (stream.received_packets, stream.lost_packets) == (62, 0)


def test_before_the_first_keyframe_nothing_comes() -> None:
    stream = receiver()
    units = feed(stream, packets(PICTURES)[4:])
    assert units[0].pts_90khz == 0
    assert len(units) == 10
    assert stream.drops == {"waiting_for_keyframe": 9}


def test_a_loss_costs_everything_up_to_the_next_keyframe() -> None:
    stream, given = receiver(), packets(PICTURES)
    units = feed(stream, given[:7] + given[8:])
    assert len(units) == 2
    units += stream.handle_timer(PICTURE_WAIT_US)
    assert [unit.pts_90khz // 3_000 for unit in units] == [0, 1, *range(10, 20)]
    assert [unit.is_discontinuous for unit in units] == [True, False, True] + [False] * 9
    assert stream.drops == {"damaged_picture": 1, "waiting_for_keyframe": 7}


def test_a_lost_end_of_a_picture_does_not_make_one_of_two() -> None:
    stream, given = receiver(), packets(PICTURES)
    ends = [at for at, packet in enumerate(given) if packet.marker]
    units = feed(stream, [packet for at, packet in enumerate(given) if at != ends[9]])
    units += stream.handle_timer(PICTURE_WAIT_US)
    # The keyframe behind it begins with its SPS, so it is known to be whole.
    assert [unit.pts_90khz // 3_000 for unit in units] == [*range(9), *range(10, 20)]


def test_a_keyframe_of_which_the_start_is_lost_is_not_taken() -> None:
    stream, given = receiver(), packets(PICTURES)
    starts = [0] + [at + 1 for at, packet in enumerate(given) if packet.marker]
    units = feed(stream, [packet for at, packet in enumerate(given) if at != starts[10]])
    units += stream.handle_timer(PICTURE_WAIT_US)
    assert len(units) == 10
    assert stream.drops["damaged_picture"] == 1


def test_a_picture_ends_with_the_next_timestamp_if_nobody_marks_it() -> None:
    given = [replace(packet, marker=False) for packet in packets(PICTURES)]
    assert len(feed(receiver(), given)) == 19


def test_padding_is_no_picture() -> None:
    stream, given = receiver(), packets(PICTURES[:2])
    padding = replace(given[-1], seqno=given[-1].seqno + 1, payload=b"", marker=False)
    assert len(feed(stream, [*given, padding])) == 2
    assert stream.drops == {}


def test_keyframes_without_parameter_sets_get_them() -> None:
    bare = replace(picture(1, key=True), data=[b"\x65abc"])
    units = feed(receiver(), packets([PICTURES[0], bare]))
    assert units[1].data == [SPS, PPS, b"\x65abc"]


def test_a_malformed_payload_costs_its_picture() -> None:
    stream, given = receiver(), packets(PICTURES)
    given[4] = replace(given[4], payload=b"\x7c")
    assert len(feed(stream, given)) == 1 + 10
    assert stream.drops["short_payload"] == 1


def test_an_aggregate_of_nothing_is_no_picture_and_costs_none() -> None:
    stream, given = receiver(), packets(PICTURES[:2])
    after = [
        replace(packet, seqno=packet.seqno + 1) for packet in given if packet.timestamp == given[-1].timestamp
    ]
    before = given[: -len(after)]
    empty = replace(given[-1], seqno=after[0].seqno - 1, timestamp=given[-1].timestamp - 1, payload=b"\x78")
    assert len(feed(stream, [*before, empty, *after])) == 2
    assert stream.drops == {"empty_picture": 1}


def test_a_keyframe_is_wished_for_until_it_comes_and_when_the_last_is_old() -> None:
    stream, given = receiver(), packets(PICTURES)
    assert not stream.poll_keyframe_wish(0)
    feed(stream, given[3:6], now_us=1)
    assert stream.poll_keyframe_wish(1)
    assert not stream.poll_keyframe_wish(KEYFRAME_PATIENCE_US)
    assert stream.poll_keyframe_wish(KEYFRAME_PATIENCE_US + 1)
    came_us = 2 * KEYFRAME_PATIENCE_US
    feed(stream, given[6:], now_us=came_us)
    assert not stream.poll_keyframe_wish(came_us + KEYFRAME_INTERVAL_US - 1)
    assert stream.poll_keyframe_wish(came_us + KEYFRAME_INTERVAL_US)


def test_somebody_s_wish_for_a_keyframe_is_passed_on_once_and_not_too_soon_after_the_last() -> None:
    stream = receiver()
    feed(stream, packets([picture(0), picture(1, key=True)]))
    assert not stream.poll_keyframe_wish(0)
    stream.wish_keyframe()
    assert stream.poll_keyframe_wish(0)
    assert not stream.poll_keyframe_wish(KEYFRAME_PATIENCE_US)
    stream.wish_keyframe()
    assert not stream.poll_keyframe_wish(KEYFRAME_PATIENCE_US - 1)
    assert stream.poll_keyframe_wish(KEYFRAME_PATIENCE_US)


def test_the_size_of_h264_pictures_is_known_from_their_parameter_set() -> None:
    stream = receiver()
    assert stream.size is None
    feed(stream, packets([picture(0, key=True)]))
    assert stream.size == (640, 480)
    assert receiver(Codec.OPUS).size is None


def test_sound_goes_on_over_what_is_lost() -> None:
    stream = receiver(Codec.OPUS)
    given = packets([sound(number) for number in range(6)], payload_type=111)
    units = feed(stream, given[:2] + given[3:])
    assert len(units) == 2
    units += stream.handle_timer(SOUND_WAIT_US)
    assert [unit.pts_90khz // 1_800 for unit in units] == [0, 1, 3, 4, 5]
    assert [unit.is_discontinuous for unit in units] == [False, False, True, False, False]
    assert not stream.poll_keyframe_wish(0)


def test_sound_that_is_none_is_dropped() -> None:
    stream = receiver(Codec.OPUS)
    given = packets([sound(0), sound(1)], payload_type=111)
    assert len(feed(stream, [replace(given[0], payload=b"\xff"), given[1]])) == 1
    assert stream.drops == {"short_opus": 1}


def test_a_lost_packet_is_asked_for_and_its_repetition_closes_the_gap() -> None:
    stream, given = receiver(), packets(PICTURES)
    units = feed(stream, given[:7] + given[8:13])
    due_us = stream.poll_timer()
    assert due_us is not None
    assert stream.poll_nacks(due_us) == [given[7].seqno]
    rtx = RtpPacket(
        97, 5, given[7].timestamp, 2, given[7].seqno.to_bytes(2, "big") + given[7].payload, given[7].marker
    )
    units += stream.feed(from_rtx(rtx, ssrc=1, payload_type=96), due_us)
    assert len(units) == 4
    assert stream.poll_timer() is None


def test_a_repetition_without_a_number_is_padding() -> None:
    with pytest.raises(PacketError, match="short_rtx"):
        from_rtx(RtpPacket(97, 5, 0, 2, b"\1"), ssrc=1, payload_type=96)


def test_hevc_is_taken_and_other_codecs_are_misuse() -> None:
    key = RtpPacket(96, 1, 0, 1, bytes.fromhex("60010003420101 0004 2601aabb"), marker=True)
    (unit,) = receiver(Codec.HEVC).feed(key, 0)
    assert (unit.is_keyframe, [nal.hex() for nal in unit.data]) == (True, ["420101", "2601aabb"])
    with pytest.raises(LocalProtocolError, match="AAC"):
        receiver(Codec.AAC)
