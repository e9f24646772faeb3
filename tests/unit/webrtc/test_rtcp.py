"""RTCP packets, as the specifications draw them."""

import pytest

from headrace.base.errors import PacketError
from headrace.webrtc.rtcp import (
    MAX_PACKETS,
    Bye,
    FullIntraRequest,
    Nack,
    PictureLossIndication,
    ReceiverEstimate,
    ReceiverReport,
    ReportBlock,
    RtcpPacket,
    SenderReport,
    SourceDescription,
    decode_compound,
    encode_compound,
    middle_of,
    ntp_time,
    unix_time_us,
)
from headrace.webrtc.transport_feedback import TransportFeedback

BLOCK = ReportBlock(0x1111, 64, -1, 0x1_0005, 77, 0xAABB_CCDD, 0x1_0000)
BLOCK_HEX = "00001111 40ffffff 00010005 0000004d aabbccdd 00010000"

DRAWN: list[tuple[RtcpPacket, str]] = [
    (
        SenderReport(0x1234, 0x1122_3344_5566_7788, 90_000, 5, 6_000, (BLOCK,)),
        "81c8000c 00001234 11223344 55667788 00015f90 00000005 00001770" + BLOCK_HEX,
    ),
    (ReceiverReport(1), "80c90001 00000001"),
    (ReceiverReport(1, (BLOCK, BLOCK)), "82c9000d 00000001" + BLOCK_HEX * 2),
    (SourceDescription(((7, "ab"), (8, "c"))), "82ca0005 00000007 01026162 00000000 00000008 01016300"),
    (Bye((1, 2)), "82cb0002 00000001 00000002"),
    (Nack(1, 2, (0xFFFF, 0, 15, 40)), "81cd0004 00000001 00000002 ffff8001 00280000"),
    (PictureLossIndication(1, 2), "81ce0002 00000001 00000002"),
    (FullIntraRequest(1, ((9, 3),)), "84ce0004 00000001 00000000 00000009 03000000"),
    (ReceiverEstimate(1, 1_000_000, (5, 6)), "8fce0006 00000001 00000000 52454d42 020bd090 00000005 00000006"),
]


@pytest.mark.parametrize(("packet", "drawn"), DRAWN, ids=lambda part: type(part).__name__)
def test_each_packet_is_on_the_wire_as_it_is_drawn(packet: RtcpPacket, drawn: str) -> None:
    assert encode_compound([packet]).hex() == drawn.replace(" ", "")
    assert decode_compound(bytes.fromhex(drawn)) == [packet]


def test_a_compound_packet_is_read_in_order_and_what_is_strange_in_it_is_passed_over() -> None:
    packets = [packet for packet, _ in DRAWN]
    strange = [
        "80cc0002 00000001 41424344",  # APP
        "80cf0001 00000001",  # XR
        "83cd0002 00000001 00000002",  # TMMBR
        "82ce0002 00000001 00000002",  # SLI
        "8fce0003 00000001 00000002 41424344",  # another application's
    ]
    data = b"".join(bytes.fromhex(one) for one in strange) + encode_compound(packets)
    assert decode_compound(data) == packets
    assert decode_compound(b"") == []


def test_padding_is_left_out() -> None:
    padded = bytes.fromhex("a1cd0004 00000001 00000002 00050000 00000004")
    assert decode_compound(padded) == [Nack(1, 2, (5,))]


def test_a_name_and_a_chunk_without_one() -> None:
    data = bytes.fromhex("82ca0005 00000007 02026162 00000000 00000008 0101ff00")
    assert decode_compound(data) == [SourceDescription(((8, "\ufffd"),))]


@pytest.mark.parametrize(
    ("drawn", "reason"),
    [
        ("80", "rtcp_header"),
        ("80c900", "rtcp_header"),
        ("40c90001 00000001", "rtcp_header"),
        ("00c90001 00000001", "rtcp_header"),
        ("80c90001", "rtcp_length"),
        ("80c90001 00000001 80", "rtcp_header"),
        ("81c90001 00000001", "rtcp_body"),
        ("80c90000", "rtcp_body"),
        ("80c80005 00000001 00000002 00000003 00000004 00000005", "rtcp_body"),
        ("81ca0000", "rtcp_body"),
        ("81ca0001 00000001", "rtcp_body"),
        ("81ca0002 00000001 0103ffff", "rtcp_body"),
        ("82cb0001 00000001", "rtcp_body"),
        ("81cd0001 00000001", "rtcp_body"),
        ("81ce0000", "rtcp_body"),
        ("8fce0003 00000001 00000000 52454d42", "rtcp_body"),
        ("8fce0004 00000001 00000000 52454d42 01000000", "rtcp_body"),
        ("8fcd0003 00000001 00000002 00010001", "rtcp_body"),
        ("a0c90000", "rtcp_padding"),
        ("a0c90001 00000000", "rtcp_padding"),
        ("a0c90001 00000003", "rtcp_padding"),
        ("a0c90001 00000008", "rtcp_padding"),
    ],
)
def test_what_is_malformed_is_refused_under_a_name(drawn: str, reason: str) -> None:
    with pytest.raises(PacketError) as caught:
        decode_compound(bytes.fromhex(drawn))
    assert caught.value.reason == reason


def test_packets_in_a_compound_one_are_limited() -> None:
    data = bytes.fromhex("80c90001 00000001")
    assert len(decode_compound(data * MAX_PACKETS)) == MAX_PACKETS
    with pytest.raises(PacketError, match="rtcp_too_many_packets"):
        decode_compound(data * (MAX_PACKETS + 1))


def test_missing_packets_are_listed_in_as_few_words_as_hold_them() -> None:
    run = tuple(range(0xFFF8, 0x1_0009))
    (nack,) = decode_compound(encode_compound([Nack(1, 2, tuple(seqno & 0xFFFF for seqno in run))]))
    assert nack == Nack(1, 2, tuple(seqno & 0xFFFF for seqno in run))
    assert len(encode_compound([nack])) == 12 + 4


def test_lost_packets_stay_within_their_24_bits() -> None:
    for lost, said in (1 << 23, 0x7F_FFFF), (-1 << 24, -0x80_0000):
        (report,) = decode_compound(encode_compound([ReceiverReport(1, (ReportBlock(2, lost_packets=lost),))]))
        assert isinstance(report, ReceiverReport)
        assert report.reports[0].lost_packets == said


@pytest.mark.parametrize("bitrate_bps", [0, 1, (1 << 18) - 1, 1 << 18, 2_500_000, 10_000_000_000])
def test_estimates_are_said_to_18_bits(bitrate_bps: int) -> None:
    (said,) = decode_compound(encode_compound([ReceiverEstimate(1, bitrate_bps, (2,))]))
    assert isinstance(said, ReceiverEstimate)
    assert 0 <= bitrate_bps - said.bitrate_bps <= bitrate_bps >> 17


@pytest.mark.parametrize(
    "packet",
    [
        Bye(tuple(range(32))),
        ReceiverReport(1, (BLOCK,) * 32),
        ReceiverEstimate(1, 1 << 82, ()),
        ReceiverEstimate(1, 1, (0,) * 256),
    ],
)
def test_more_than_a_packet_can_say_is_our_mistake(packet: RtcpPacket) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whichever
        encode_compound([packet])


def test_transport_feedback_is_one_of_them() -> None:
    feedback = TransportFeedback(1, 2, 3, 1, 64_000, 4, ((0, 250),))
    assert decode_compound(encode_compound([feedback])) == [feedback]


def test_times_are_of_the_wall_clock() -> None:
    assert ntp_time(0) == 2_208_988_800 << 32
    assert ntp_time(1_800_000_000_500_000) & 0xFFFF_FFFF == 1 << 31
    for unix_us in (0, 1, 999_999, 1_800_000_000_123_457):
        assert unix_time_us(ntp_time(unix_us)) == unix_us
    assert middle_of(0x1122_3344_5566_7788) == 0x3344_5566
