import pytest

from headrace.base.errors import PacketError
from headrace.codecs.av1 import (
    decode_leb128,
    encode_leb128,
    escape,
    is_keyframe,
    obu_type,
    with_size,
    without_size,
)
from headrace.codecs.bit_reader import unescape


@pytest.mark.parametrize(
    ("value", "encoded"), [(0, "00"), (127, "7f"), (128, "8001"), (300, "ac02"), (2**32 - 1, "ffffffff0f")]
)
def test_numbers_come_back(value: int, encoded: str) -> None:
    assert encode_leb128(value).hex() == encoded
    assert decode_leb128(b"x" + bytes.fromhex(encoded) + b"y", 1) == (value, 1 + len(encoded) // 2)


def test_a_number_may_be_longer_than_it_must() -> None:
    assert decode_leb128(bytes.fromhex("8180808080808000"), 0) == (1, 8)


@pytest.mark.parametrize("data", ["", "80", "8080", "808080808080808000", "ffffffff1f"])
def test_a_number_that_does_not_end_or_is_too_large_is_an_error(data: str) -> None:
    with pytest.raises(PacketError, match="bad_leb128"):
        decode_leb128(bytes.fromhex(data), 0)


def test_a_size_is_put_in_and_taken_out() -> None:
    for obu in (b"\x30abc", b"\x34\x08abc", b"\x08", b"\x30" + bytes(200)):
        assert without_size(with_size(obu)) == obu
        assert without_size(obu) == obu
    assert with_size(b"\x34\x08abc").hex() == "36080361626" + "3"
    assert without_size(b"\x32\x01ab") == b"\x30a"


@pytest.mark.parametrize("obu", ["34", "3203aabb", "32", "3280"])
def test_a_unit_that_is_not_whole_is_an_error(obu: str) -> None:
    with pytest.raises(PacketError, match=r"short_obu|bad_leb128"):
        without_size(bytes.fromhex(obu))


def test_a_keyframe_says_so_in_its_first_bits() -> None:
    assert is_keyframe([b"\x08seq", b"\x30\x10"])
    assert is_keyframe([b"\x1c\x00\x10"])
    assert not is_keyframe([b"\x30\x30"])  # an inter frame
    assert not is_keyframe([b"\x30\x90"])  # an old frame is shown again
    assert not is_keyframe([b"\x08seq", b"\x30"])
    assert obu_type(b"\x32") == 6


@pytest.mark.parametrize("obu", ["320000", "3200000001", "32000003", "3200000000000100", "32aabb"])
def test_no_start_code_is_left(obu: str) -> None:
    data = bytes.fromhex(obu)
    escaped = escape(data)
    assert b"\0\0\1" not in escaped
    assert escaped[-1]
    assert unescape(escaped).rstrip(b"\x03") == data.rstrip(b"\x03") or unescape(escaped) == data
