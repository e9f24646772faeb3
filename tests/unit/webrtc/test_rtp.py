"""RTP packets and their extensions."""

import pytest

from headrace.base.errors import PacketError
from headrace.webrtc.rtp import (
    MAX_EXTENSIONS,
    RtpPacket,
    decode_abs_send_time,
    decode_rtp,
    encode_abs_send_time,
    encode_rtp,
    is_rtcp,
    seqno_distance,
    timestamp_distance,
    unwrap_seqno,
    unwrap_timestamp,
)


def head(first: int, rest: bytes) -> bytes:
    return bytes((first,)) + bytes.fromhex("e0 fffe 00000900 00001234") + rest


def test_a_packet_is_on_the_wire_as_the_specification_says() -> None:
    packet = RtpPacket(96, 0xFFFE, 0x900, 0x1234, b"abc", marker=True)
    assert encode_rtp(packet) == head(0x80, b"abc")
    assert decode_rtp(head(0x80, b"abc")) == packet


def test_sources_extensions_and_padding_are_read() -> None:
    data = head(0xB1, bytes.fromhex("00000007 bede0002 3261626300 5000 00") + b"xyz" + b"\0\2")
    packet = decode_rtp(data)
    assert (packet.csrcs, packet.payload) == ((7,), b"xyz")
    assert packet.extensions == {3: b"abc", 5: b"\0"}
    assert (packet.extension(3), packet.extension(4), packet.extension(None)) == (b"abc", None, None)
    assert decode_rtp(head(0x80, b"")).extension(3) is None


def test_extensions_of_two_bytes_are_read_and_written_where_one_byte_does_not_do() -> None:
    for extensions in ({1: b"m" * 17}, {15: b"x"}, {200: b"y", 3: b""}):
        data = encode_rtp(RtpPacket(96, 1, 2, 3, b"p", extensions=extensions))
        assert data[12:14] == b"\x10\0"
        assert decode_rtp(data).extensions == extensions
    data = encode_rtp(RtpPacket(96, 1, 2, 3, b"p", extensions={14: b"m" * 16}))
    assert data[12:14] == b"\xbe\xde"
    assert decode_rtp(data).extensions == {14: b"m" * 16}


def test_id_15_ends_extensions_of_one_byte_and_other_profiles_are_passed_over() -> None:
    assert decode_rtp(head(0x90, bytes.fromhex("bede0001 f0303030"))).extensions == {}
    packet = decode_rtp(head(0x90, bytes.fromhex("12340001 30303030") + b"p"))
    assert (packet.extensions, packet.payload) == ({}, b"p")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "rtp_header"),
        (head(0x80, b"")[:11], "rtp_header"),
        (head(0x40, b""), "rtp_header"),
        (head(0x81, b"\0\0\0"), "rtp_header"),
        (head(0x90, b"\xbe\xde\0"), "rtp_extension"),
        (head(0x90, bytes.fromhex("bede0001 303030")), "rtp_extension"),
        (head(0x90, bytes.fromhex("bede0001 3f303030")), "rtp_extension"),
        (head(0x90, bytes.fromhex("10000001 01010001")), "rtp_extension"),
        (head(0x90, bytes.fromhex("10000001 010401ff")), "rtp_extension"),
        (head(0xA0, b"abc\0"), "rtp_padding"),
        (head(0xA0, b"abc\5"), "rtp_padding"),
        (head(0xA0, b""), "rtp_padding"),
    ],
)
def test_what_is_malformed_is_refused_under_a_name(data: bytes, reason: str) -> None:
    with pytest.raises(PacketError) as caught:
        decode_rtp(data)
    assert caught.value.reason == reason


def test_extensions_are_limited() -> None:
    def block(count: int) -> bytes:
        elements = b"".join(bytes((number, 0)) for number in range(1, count + 1))
        return head(0x90, b"\x10\0" + (count // 2).to_bytes(2, "big") + elements)

    assert len(decode_rtp(block(MAX_EXTENSIONS)).extensions or {}) == MAX_EXTENSIONS
    with pytest.raises(PacketError, match="rtp_extension"):
        decode_rtp(block(MAX_EXTENSIONS + 2))


def test_what_has_no_form_is_our_mistake() -> None:
    for wrong in (
        RtpPacket(96, 1, 2, 3, b"", csrcs=(0,) * 16),
        RtpPacket(96, 1, 2, 3, b"", extensions={0: b"x"}),
        RtpPacket(96, 1, 2, 3, b"", extensions={256: b"x"}),
        RtpPacket(96, 1, 2, 3, b"", extensions={1: bytes(256)}),
    ):
        with pytest.raises(ValueError):  # noqa: PT011 - whichever
            encode_rtp(wrong)


def test_rtp_and_rtcp_are_told_apart_by_the_second_byte() -> None:
    assert [is_rtcp(bytes((0x80, kind))) for kind in (191, 192, 200, 206, 223, 224)] == [False] + [True] * 4 + [
        False
    ]
    assert not is_rtcp(b"\x80")


def test_send_times_wrap_after_64_s() -> None:
    assert encode_abs_send_time(1_500_000) == bytes.fromhex("060000")
    assert encode_abs_send_time(64_000_000) == bytes(3)
    assert decode_abs_send_time(bytes.fromhex("060000")) == 1_500_000
    assert decode_abs_send_time(b"\xff\xff\xff") == 63_999_996
    with pytest.raises(PacketError, match="rtp_abs_send_time"):
        decode_abs_send_time(b"12")


def test_distances_are_the_shorter_way_round() -> None:
    assert (seqno_distance(0xFFFF, 0), seqno_distance(0, 0xFFFF), seqno_distance(0, 0x8000)) == (1, -1, -0x8000)
    assert (unwrap_seqno(1, 0x1_FFFF), unwrap_seqno(0xFFFF, 0x2_0000)) == (0x2_0001, 0x1_FFFF)
    assert timestamp_distance(0xFFFF_FFFF, 5) == 6
    assert unwrap_timestamp(5, 0x1_FFFF_FFFF) == 0x2_0000_0005
    assert unwrap_timestamp(0xFFFF_FFFF, 0x2_0000_0000) == 0x1_FFFF_FFFF
