import pytest

from headrace.base.errors import PacketError
from headrace.codecs.bit_reader import MAX_HEADER_BYTES, BitReader, unescape


def test_bits_come_highest_first() -> None:
    reader = BitReader(b"\xa5\x0f")
    assert [reader.read(3), reader.read(5), reader.read_flag(), reader.read(7)] == [5, 5, False, 15]
    assert reader.left_bits == 0


def test_golomb_codes_are_those_of_the_table() -> None:
    # H.264, table 9-2: 1, 010, 011, 00100, 00101 are 0 to 4; with a sign 0, 1, -1, 2, -2.
    bits = "1" + "010" + "011" + "00100" + "00101"
    data = int(bits.ljust(24, "0"), 2).to_bytes(3, "big")
    reader, signed = BitReader(data), BitReader(data)
    assert [reader.read_ue() for _ in range(5)] == [0, 1, 2, 3, 4]
    assert [signed.read_se() for _ in range(5)] == [0, 1, -1, 2, -2]


@pytest.mark.parametrize(
    ("data", "reason"), [(b"", "short_header"), (bytes(4), "short_header"), (bytes(9), "bad_golomb_code")]
)
def test_a_code_that_does_not_end_is_an_error(data: bytes, reason: str) -> None:
    with pytest.raises(PacketError, match=reason):
        BitReader(data).read_ue()


def test_the_longest_code_is_of_32_zeros() -> None:
    data = (1 << 40 | 5 << 7).to_bytes(10, "big")[1:]
    assert BitReader(data).read_ue() >= (1 << 31) - 1


def test_reading_past_the_end_is_an_error() -> None:
    reader = BitReader(b"\xff")
    assert reader.read(8) == 255
    with pytest.raises(PacketError, match="short_header"):
        reader.read(1)


def test_no_more_than_the_limit_is_looked_at() -> None:
    assert BitReader(bytes(MAX_HEADER_BYTES)).left_bits == 8 * MAX_HEADER_BYTES
    assert BitReader(bytes(MAX_HEADER_BYTES + 1)).left_bits == 8 * MAX_HEADER_BYTES


def test_emulation_prevention_is_taken_out() -> None:
    assert unescape(bytes.fromhex("67 0000 03 01 0000 03 00 0003")) == bytes.fromhex("67 0000 01 0000 0000")
