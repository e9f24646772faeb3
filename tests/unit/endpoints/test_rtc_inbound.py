"""One stream that a browser sends, and what its sender is told."""

from dataclasses import replace

import pytest
from tests.support.rtc_stage import FRAME_US, H264, RTX, picture

from headrace.base.errors import PacketError
from headrace.endpoints.rtc_inbound import SILENCE_US, InboundNumbers, InboundStream
from headrace.remux.access_unit import AccessUnit, Codec
from headrace.remux.rtp_clock import SessionClock
from headrace.remux.rtp_packetizer import RtpPacketizer
from headrace.webrtc.rtcp import Nack, PictureLossIndication, SenderReport, middle_of, ntp_time
from headrace.webrtc.rtp import RtpPacket, decode_rtp

OWN, SSRC = 7, 1_234
NUMBERS = InboundNumbers(Codec.H264, H264, RTX)
NOW_US = 50_000_000


class Sender:
    """Sends pictures in order, from near the wrap of numbers on."""

    def __init__(self, ssrc: int = SSRC, first_index: int = 0xFFF0) -> None:
        self._packetizer = RtpPacketizer(Codec.H264, ssrc=ssrc, payload_type=H264, first_index=first_index)

    def picture(self, number: int, *, is_keyframe: bool = False) -> list[RtpPacket]:
        packets = self._packetizer.packetize(picture(number, is_keyframe=is_keyframe))
        return [decode_rtp(packet) for packet in packets]


def make_stream() -> InboundStream:
    return InboundStream(NUMBERS, SessionClock(), OWN)


def feed(stream: InboundStream, packets: list[RtpPacket], now_us: int = NOW_US) -> list[AccessUnit]:
    return [unit for packet in packets for unit in stream.feed(packet, now_us)]


def test_pictures_come_whole_and_the_report_says_how_far() -> None:
    stream, sender = make_stream(), Sender()
    assert stream.report(NOW_US) is None
    for number in range(10):
        (unit,) = feed(stream, sender.picture(number, is_keyframe=not number), NOW_US + number * FRAME_US)
        assert unit.is_keyframe == (number == 0)
    block = stream.report(NOW_US)
    assert block is not None
    assert (block.ssrc, block.fraction_lost, block.lost_packets, block.last_report) == (SSRC, 0, 0, 0)
    assert block.highest_seqno == 0xFFF0 + 30 - 1
    assert stream.received_bytes > 10 * 3_000


def test_what_is_missing_is_asked_for_and_taken_from_the_stream_of_retransmissions() -> None:
    stream, sender = make_stream(), Sender()
    feed(stream, sender.picture(0, is_keyframe=True))
    packets = sender.picture(1)
    lost = packets.pop(1)
    assert feed(stream, packets) == []
    (nack,) = stream.poll_requests(NOW_US + 20_000)
    assert nack == Nack(OWN, SSRC, (lost.seqno,))
    again = replace(lost, payload_type=RTX, ssrc=99, seqno=5, payload=lost.seqno.to_bytes(2, "big") + lost.payload)
    assert len(feed(stream, [again], NOW_US + 40_000)) == 1
    assert feed(stream, [replace(again, payload=b"")]) == []


def test_without_a_keyframe_one_is_wished_for() -> None:
    stream, sender = make_stream(), Sender()
    assert stream.poll_requests(NOW_US) == []
    feed(stream, sender.picture(0))
    assert stream.poll_requests(NOW_US) == [PictureLossIndication(OWN, SSRC)]


def test_the_report_repeats_the_sender_s_so_that_it_knows_the_round_trip() -> None:
    stream, sender = make_stream(), Sender()
    feed(stream, sender.picture(0, is_keyframe=True))
    ntp = ntp_time(1_800_000_000_000_000)
    stream.handle_report(SenderReport(SSRC, ntp, 0, 1, 1), NOW_US)
    block = stream.report(NOW_US + 500_000)
    assert block is not None
    assert (block.last_report, block.delay) == (middle_of(ntp), 32_768)


def test_losses_are_told_as_a_share_of_what_was_sent_since_the_last_report() -> None:
    stream, sender = make_stream(), Sender()
    feed(stream, sender.picture(0, is_keyframe=True))
    stream.report(NOW_US)
    feed(stream, sender.picture(1)[1:])
    feed(stream, sender.picture(2))
    stream.units.handle_timer(NOW_US + 1_000_000)
    block = stream.report(NOW_US)
    assert block is not None
    assert (block.lost_packets, block.fraction_lost) == (1, 256 // 6)


def test_another_source_has_to_wait_until_the_first_is_silent() -> None:
    stream, sender, other = make_stream(), Sender(), Sender(77, 3)
    feed(stream, sender.picture(0, is_keyframe=True))
    with pytest.raises(PacketError, match="rtp_second_source"):
        feed(stream, other.picture(1, is_keyframe=True), NOW_US + SILENCE_US - 1)
    assert len(feed(stream, other.picture(2, is_keyframe=True), NOW_US + SILENCE_US)) == 1
    assert stream.ssrc == 77


def test_a_retransmission_before_the_stream_is_none() -> None:
    with pytest.raises(PacketError, match="rtx_before_stream"):
        make_stream().feed(RtpPacket(RTX, 1, 1, 99, b"\x00\x01x"), NOW_US)
    assert make_stream().takes(RtpPacket(RTX, 1, 1, 99, b""))
    assert not make_stream().takes(RtpPacket(8, 1, 1, 99, b""))
