import pytest

from headrace.base.errors import PacketError
from headrace.mpegts.pes import (
    PRIVATE_STREAM_1,
    PTS_MODULUS_90KHZ,
    VIDEO_STREAM_ID,
    decode_pes_header,
    encode_pes,
    pts_distance_90khz,
    shift_pes_times,
    unwrap_pts_90khz,
)


def test_the_known_bytes_of_a_header_with_both_times() -> None:
    pes = encode_pes(0xE0, b"ab", 0x1_2345_6789, 0x1_2345_6788)
    assert pes.hex() == "000001e0000f" + "84c00a" + "398d15cf13" + "198d15cf11" + "6162"


@pytest.mark.parametrize("pts_90khz", [0, 1, 1 << 30, PTS_MODULUS_90KHZ - 1, PTS_MODULUS_90KHZ + 3])
def test_times_are_kept_modulo_33_bits(pts_90khz: int) -> None:
    header = decode_pes_header(encode_pes(0xE0, b"abc", pts_90khz, pts_90khz - 3_000))
    assert header.pts_90khz == pts_90khz % PTS_MODULUS_90KHZ
    assert header.dts_90khz == (pts_90khz - 3_000) % PTS_MODULUS_90KHZ
    assert header.total_bytes == header.payload_offset + 3


def test_a_decoding_time_that_is_the_same_is_not_written() -> None:
    header = decode_pes_header(encode_pes(0xE0, b"", 5, 5))
    assert (header.payload_offset, header.pts_90khz, header.dts_90khz) == (14, 5, 5)


def test_only_video_may_be_longer_than_the_length_field() -> None:
    longest = 0xFFFF - 8
    assert decode_pes_header(encode_pes(PRIVATE_STREAM_1, bytes(longest), 0)).total_bytes == 6 + 0xFFFF
    assert decode_pes_header(encode_pes(VIDEO_STREAM_ID, bytes(longest + 1), 0)).total_bytes == 0
    with pytest.raises(ValueError, match="over 65535"):
        encode_pes(PRIVATE_STREAM_1, bytes(longest + 1), 0)


def test_a_stream_of_padding_has_no_times() -> None:
    header = decode_pes_header(b"\0\0\x01\xbe\0\x02ab")
    assert (header.payload_offset, header.total_bytes, header.pts_90khz) == (6, 8, None)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\0\0\x01\xe0\0", "short_pes_header"),
        (b"\0\0\x02\xe0\0\0\x80\0\0", "no_pes_start_code"),
        (b"\0\0\x01\xe0\0\0\x80\0", "short_pes_header"),
        (b"\0\0\x01\xe0\0\0\x80\x80\x05abcd", "short_pes_header"),
        (b"\0\0\x01\xe0\0\0\x40\0\0", "bad_pes_header"),
        (b"\0\0\x01\xe0\0\0\x80\x40\x0aabcdeabcde", "bad_pes_header"),
        (b"\0\0\x01\xe0\0\0\x80\xc0\x05abcde", "bad_pes_header"),
        (b"\0\0\x01\xe0\0\x02\x80\0\0", "bad_pes_header"),
        (b"\0\0\x01\xe0\0\0\x80\x80\x05\x20\0\0\0\0", "bad_pes_marker_bits"),
    ],
)
def test_a_malformed_header_has_a_named_reason(data: bytes, reason: str) -> None:
    with pytest.raises(PacketError) as caught:
        decode_pes_header(data)
    assert caught.value.reason == reason


def test_distances_and_unwrapping_go_over_the_wrap() -> None:
    assert pts_distance_90khz(PTS_MODULUS_90KHZ - 10, 5) == 15
    assert pts_distance_90khz(5, PTS_MODULUS_90KHZ - 10) == -15
    assert unwrap_pts_90khz(5, 3 * PTS_MODULUS_90KHZ - 10) == 3 * PTS_MODULUS_90KHZ + 5
    assert unwrap_pts_90khz(PTS_MODULUS_90KHZ - 1, 2) == -1


@pytest.mark.parametrize("shift_90khz", [0, 1, 90_000, PTS_MODULUS_90KHZ - 1])
@pytest.mark.parametrize("dts_90khz", [None, 5])
def test_times_are_shifted_in_place_and_nothing_else(shift_90khz: int, dts_90khz: int | None) -> None:
    packet = bytearray(b"before" + encode_pes(VIDEO_STREAM_ID, b"unit", 8, dts_90khz))
    shift_pes_times(packet, 6, len(packet), shift_90khz)
    dts = None if dts_90khz is None else dts_90khz + shift_90khz
    assert packet == b"before" + encode_pes(VIDEO_STREAM_ID, b"unit", 8 + shift_90khz, dts)


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\0\0\x01\xe0",
        b"\0\0\x02\xe0\0\0\x84\x80\x05" + bytes(5),
        b"\0\0\x01\xbe\0\0\x84\x80\x05" + bytes(5),
        b"\0\0\x01\xe0\0\0\x44\x80\x05" + bytes(5),
        b"\0\0\x01\xe0\0\0\x84\x00\x00unit",
        b"\0\0\x01\xe0\0\0\x84\x40\x05" + b"\x21\0\x01\0\x01",
        b"\0\0\x01\xe0\0\0\x84\x80\x05" + bytes(5),
        b"\0\0\x01\xe0\0\0\x84\x80\x05\x21\0\x01",
    ],
)
def test_what_has_no_times_is_left_alone(packet: bytes) -> None:
    shifted = bytearray(packet)
    shift_pes_times(shifted, 0, len(packet), 1)
    assert shifted == packet
