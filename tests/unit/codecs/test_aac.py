import pytest

from headrace.base.errors import PacketError
from headrace.codecs.aac import MAX_FRAME_BYTES, AdtsHeader, decode_adts, encode_adts, split_adts


def test_a_header_is_encoded_as_measured_and_comes_back() -> None:
    assert encode_adts(93).hex() == "fff14c800c9ffc"
    frame = encode_adts(3, object_type=2, sample_rate_hz=44_100, channels=1) + b"abc"
    assert decode_adts(frame) == AdtsHeader(2, 44_100, 1, 7, 10, 1024)
    assert decode_adts(frame).config.hex() == "1208"  # AAC-LC, index 4, one channel


def test_a_header_with_a_crc_is_two_bytes_longer() -> None:
    header = bytearray(encode_adts(10))
    header[1] &= 0xFE
    assert decode_adts(bytes(header) + bytes(10)).header_bytes == 9


def test_frames_of_a_packet_are_parted() -> None:
    frames = [encode_adts(size) + bytes([size]) * size for size in (1, 200, 7)]
    assert [frame for _, frame in split_adts(b"".join(frames))] == frames
    assert split_adts(b"") == []


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (encode_adts(5)[:6], "short_adts"),
        (encode_adts(5) + b"1234", "short_adts"),
        (b"\xff\xe1" + encode_adts(5)[2:], "no_adts_sync"),
        (b"\xff\xf1\x7c" + encode_adts(0)[3:], "bad_adts"),
        (b"\xff\xf1\x4c\x80\x00\x1f\xfc", "bad_adts"),
    ],
)
def test_what_is_no_frame_is_an_error(data: bytes, reason: str) -> None:
    with pytest.raises(PacketError, match=reason):
        split_adts(data)


def test_the_longest_frame_fits_and_one_more_byte_does_not() -> None:
    assert decode_adts(encode_adts(MAX_FRAME_BYTES - 7)).frame_bytes == MAX_FRAME_BYTES
    with pytest.raises(ValueError, match="too long"):
        encode_adts(MAX_FRAME_BYTES - 6)
