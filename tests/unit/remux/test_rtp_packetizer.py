import pytest

from headrace.base.errors import LocalProtocolError
from headrace.remux.access_unit import AccessUnit, Codec
from headrace.remux.rtp_packetizer import RtpPacketizer


def picture(size: int, pts_90khz: int = 3_000) -> AccessUnit:
    return AccessUnit(Codec.H264, pts_90khz, pts_90khz, [b"\x41" + bytes(size - 1)], is_keyframe=False)


def test_packets_of_a_picture_share_its_time_and_the_last_is_marked() -> None:
    packetizer = RtpPacketizer(
        Codec.H264, ssrc=0x01020304, payload_type=102, first_index=0xFFFF, timestamp_offset=0xFFFF_FFFF
    )
    packets = packetizer.packetize(picture(2_000))
    assert [packet[:12].hex() for packet in packets] == [
        "8066ffff" + "00000bb7" + "01020304",
        "80e60000" + "00000bb7" + "01020304",
    ]
    assert len(packets[0]) == len(packets[1]) + 1 == 12 + 2 + 1_000
    assert packetizer.next_index == 0x10001


def test_no_packet_is_longer_than_allowed() -> None:
    for size in range(1_180, 1_200):
        packets = RtpPacketizer(Codec.H264, ssrc=1, payload_type=96).packetize(picture(size))
        assert max(map(len, packets)) <= 1_200
        assert len(packets) == (1 if size <= 1_188 else 2)


def test_sound_has_a_clock_of_48_khz_and_a_mark_after_a_gap() -> None:
    packetizer = RtpPacketizer(Codec.OPUS, ssrc=1, payload_type=111)
    frames = [AccessUnit(Codec.OPUS, 1_800 * number, 1_800 * number, [b"\xfcx"]) for number in range(3)]
    frames[2].is_discontinuous = True
    packets = [packet for frame in frames for packet in packetizer.packetize(frame)]
    assert [int.from_bytes(packet[4:8], "big") for packet in packets] == [0, 960, 1_920]
    assert [packet[1] for packet in packets] == [111, 111, 111 | 0x80]
    assert packets[0][12:] == b"\xfcx"


def test_sound_that_fits_in_no_packet_is_left_out() -> None:
    packetizer = RtpPacketizer(Codec.OPUS, ssrc=1, payload_type=111)
    assert len(packetizer.packetize(AccessUnit(Codec.OPUS, 0, 0, [bytes(1_188)]))) == 1
    assert packetizer.packetize(AccessUnit(Codec.OPUS, 0, 0, [bytes(1_189)])) == []
    assert packetizer.next_index == 1


def test_times_are_those_of_sender_reports() -> None:
    assert RtpPacketizer(Codec.H264, ssrc=1, payload_type=96, timestamp_offset=5).timestamp_at(1 << 33) == 5
    assert RtpPacketizer(Codec.OPUS, ssrc=1, payload_type=96, timestamp_offset=5).timestamp_at(90_000) == 48_005


def test_other_codecs_are_misuse() -> None:
    with pytest.raises(LocalProtocolError, match="AAC"):
        RtpPacketizer(Codec.AAC, ssrc=1, payload_type=96)
    with pytest.raises(LocalProtocolError, match=r"Opus was given to the stream of H\.264"):
        RtpPacketizer(Codec.H264, ssrc=1, payload_type=96).packetize(AccessUnit(Codec.OPUS, 0, 0, [b"\xfc"]))
