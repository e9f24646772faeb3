import pytest

from headrace.remux.nal_payloads import H264_FORMAT, HEVC_FORMAT, pack_nals


def pack_h264(nals: list[bytes], max_payload_bytes: int) -> list[bytes]:
    return pack_nals(nals, H264_FORMAT, max_payload_bytes)


AUD, SPS, PPS = b"\x09\xf0", b"\x67" + b"s" * 9, b"\x68" + b"p" * 4


def test_small_units_travel_together_and_delimiters_and_filler_not_at_all() -> None:
    (payload,) = pack_h264([AUD, SPS, PPS, b"\x65" + b"i" * 20, b"\x0c" + b"\xff" * 5_000], 1_000)
    # STAP-A with the importance of the most important unit, lengths before units.
    assert payload == b"\x78" + b"\0\x0a" + SPS + b"\0\x05" + PPS + b"\0\x15\x65" + b"i" * 20


def test_a_lone_unit_is_sent_as_it_is() -> None:
    assert pack_h264([AUD, b"\x41abc"], 1_000) == [b"\x41abc"]
    assert pack_h264([AUD], 1_000) == []


@pytest.mark.parametrize("size", [101, 102, 197, 198, 199, 295, 10_000])
def test_a_large_unit_is_cut_to_pieces_of_equal_size(size: int) -> None:
    nal = b"\x65" + bytes(number % 251 for number in range(size - 1))
    pieces = pack_h264([nal], 100)
    sizes = [len(piece) for piece in pieces]
    assert len(set(sizes[:-1])) == 1
    assert 0 <= sizes[0] - sizes[-1] <= len(pieces)
    assert max(sizes) <= 100
    assert len(pieces) == -(-(size - 1) // 98)
    assert [piece[0] for piece in pieces] == [0x7C] * len(pieces)
    assert [piece[1] for piece in pieces] == [0x85] + [0x05] * (len(pieces) - 2) + [0x45]
    assert b"\x65" + b"".join(piece[2:] for piece in pieces) == nal


def test_a_unit_that_just_fits_is_not_cut() -> None:
    assert pack_h264([b"\x65" + bytes(99)], 100) == [b"\x65" + bytes(99)]


def test_what_does_not_fit_together_goes_apart_in_order() -> None:
    first, second, third = b"\x06" + b"1" * 60, b"\x61" + b"2" * 60, b"\x41" + b"3" * 20
    payloads = pack_h264([first, second, third], 100)
    assert payloads == [first, b"\x78\0\x3d" + second + b"\0\x15" + third]


def test_units_of_hevc_travel_together_and_are_cut_likewise() -> None:
    vps, sps, idr = b"\x40\x01\x0c", b"\x42\x01\x01", b"\x26\x01" + bytes(range(1, 201))
    payloads = pack_nals([b"\x46\x01\x50", vps, sps, idr], HEVC_FORMAT, 110)
    assert payloads[0].hex() == "6001" + "000340010c" + "0003420101"
    assert [payload[:3].hex() for payload in payloads[1:]] == ["620193", "620153"]
    assert [len(payload) for payload in payloads[1:]] == [103, 103]
    assert b"".join(payload[3:] for payload in payloads[1:]) == idr[2:]


def test_a_unit_without_a_whole_header_is_left_out() -> None:
    assert pack_nals([b"\x26"], HEVC_FORMAT, 100) == []
