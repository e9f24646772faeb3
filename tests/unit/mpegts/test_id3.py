import pytest

from headrace.base.errors import PacketError
from headrace.mpegts.id3 import (
    MAX_FRAMES,
    MAX_TAG_BYTES,
    Id3Frame,
    PrivateFrame,
    TextFrame,
    UserTextFrame,
    decode_id3,
    encode_id3,
)

FRAMES: list[Id3Frame] = [
    TextFrame("TIT2", "Brücke 橋"),
    UserTextFrame("place", "weir"),
    PrivateFrame("owner", b"\0\xff"),
]


def raw_tag(body: bytes, version: int = 4, flags: int = 0) -> bytes:
    size = len(body)
    return (
        b"ID3" + bytes([version, 0, flags, size >> 21 & 127, size >> 14 & 127, size >> 7 & 127, size & 127]) + body
    )


def test_the_known_bytes_of_a_title() -> None:
    assert encode_id3([TextFrame("TIT2", "hi")]).hex() == "4944330400000000000d54495432000000030000036869"


def test_all_kinds_of_frames_come_back() -> None:
    assert decode_id3(encode_id3(FRAMES)) == FRAMES


def test_a_nul_in_a_text_cannot_split_it() -> None:
    assert decode_id3(encode_id3([UserTextFrame("a\0b", "c\0d")])) == [UserTextFrame("ab", "cd")]


def test_sizes_are_synchsafe_past_127_bytes() -> None:
    tag = encode_id3([TextFrame("TIT2", "x" * 200)])
    assert tag[6:10] == bytes([0, 0, 1, 83])
    assert decode_id3(tag) == [TextFrame("TIT2", "x" * 200)]


def test_the_longest_tag_fits_and_one_byte_more_does_not() -> None:
    longest = encode_id3([PrivateFrame("", bytes(MAX_TAG_BYTES - 21))])
    assert len(longest) == MAX_TAG_BYTES
    assert len(decode_id3(longest)) == 1
    with pytest.raises(ValueError, match="send less"):
        encode_id3([PrivateFrame("", bytes(MAX_TAG_BYTES - 20))])
    with pytest.raises(PacketError, match="id3_too_long"):
        decode_id3(raw_tag(bytes(MAX_TAG_BYTES - 9)))


@pytest.mark.parametrize(
    ("encoding", "text"),
    [(0, "Brücke".encode("latin-1")), (1, "Brücke".encode("utf-16")), (2, "Brücke".encode("utf-16-be"))],
)
def test_other_writers_encodings_are_understood(encoding: int, text: bytes) -> None:
    content = bytes([encoding]) + text
    assert decode_id3(raw_tag(b"TPE1" + bytes([0, 0, 0, len(content), 0, 0]) + content)) == [
        TextFrame("TPE1", "Brücke")
    ]


def test_version_3_has_plain_sizes() -> None:
    content = b"\0" + b"x" * 200
    tag = raw_tag(b"TIT2" + len(content).to_bytes(4, "big") + b"\0\0" + content, version=3)
    assert decode_id3(tag) == [TextFrame("TIT2", "x" * 200)]


def test_an_extended_header_is_passed_over() -> None:
    body = b"\0\0\0\x06\x01\x00" + encode_id3(FRAMES)[10:]
    assert decode_id3(raw_tag(body, flags=0x40)) == FRAMES


def test_pictures_and_compressed_frames_are_passed_over() -> None:
    body = b"APIC\0\0\0\x02\0\0ab" + b"TIT2\0\0\0\x02\0\x08\x03a" + encode_id3(FRAMES)[10:]
    assert decode_id3(raw_tag(body)) == FRAMES


def test_padding_ends_the_frames() -> None:
    assert decode_id3(raw_tag(encode_id3(FRAMES)[10:] + bytes(50))) == FRAMES


def test_the_number_of_frames_is_bounded() -> None:
    tag = raw_tag(b"TIT2\0\0\0\x02\0\0\x03a" * (MAX_FRAMES + 1))
    assert len(decode_id3(tag)) == MAX_FRAMES


@pytest.mark.parametrize(
    ("tag", "reason"),
    [
        (b"ID3\x04\0\0\0\0\0", "no_id3_tag"),
        (b"TAG\x04\0\0\0\0\0\0", "no_id3_tag"),
        (b"ID3\x02\0\0\0\0\0\0", "id3_version"),
        (b"ID3\x04\0\0\0\0\0\x80", "bad_id3_size"),
        (b"ID3\x04\0\0\0\0\0\x01", "short_id3_tag"),
        (raw_tag(b"TIT2\0\0\0\x03\0\0\x03a"), "bad_id3_size"),
        (raw_tag(b"ab", flags=0x40), "bad_id3_size"),
    ],
)
def test_a_malformed_tag_has_a_named_reason(tag: bytes, reason: str) -> None:
    with pytest.raises(PacketError) as caught:
        decode_id3(tag)
    assert caught.value.reason == reason
