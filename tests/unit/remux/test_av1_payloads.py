import pytest

from headrace.base.errors import PacketError
from headrace.remux.av1_payloads import Av1Unpacker, pack_av1
from headrace.remux.picture_units import MAX_PICTURE_BYTES

SEQUENCE, DELIMITER = b"\x08seqhdr", b"\x10"


def frame(size: int) -> bytes:
    return b"\x30" + bytes(number % 251 for number in range(size - 1))


def unpack(payloads: list[bytes]) -> list[bytes]:
    unpacker = Av1Unpacker()
    for payload in payloads:
        unpacker.feed(payload)
    return unpacker.take()


@pytest.mark.parametrize("size", [2, 50, 91, 92, 93, 98, 99, 100, 500, 5_000])
@pytest.mark.parametrize("max_payload_bytes", [5, 100, 1_188])
def test_what_was_packed_comes_back(size: int, max_payload_bytes: int) -> None:
    obus = [SEQUENCE, frame(size), b"\x28meta", frame(7), frame(3)]
    payloads = pack_av1([DELIMITER, *obus], max_payload_bytes)
    assert unpack(payloads) == obus
    assert max(map(len, payloads)) <= max_payload_bytes


def test_pieces_of_a_frame_are_of_equal_size() -> None:
    sizes = [len(payload) for payload in pack_av1([SEQUENCE, frame(10_000)], 1_188)]
    assert len(sizes) == 9
    assert len(set(sizes[:-1])) == 1
    assert 0 <= sizes[0] - sizes[-1] <= 20


def test_the_first_packet_of_a_sequence_says_so() -> None:
    payloads = pack_av1([SEQUENCE, frame(300)], 100)
    assert [payload[0] & 0x08 for payload in payloads] == [8, 0, 0, 0]
    assert [bool(payload[0] & 0x80) for payload in payloads] == [False, True, True, True]
    assert [bool(payload[0] & 0x40) for payload in payloads] == [True, True, True, False]
    assert [Av1Unpacker().begins_picture(payload) for payload in payloads] == [True, False, False, False]
    assert pack_av1([frame(30)], 100)[0][0] == 0x10


def test_elements_may_all_have_lengths() -> None:
    assert unpack([b"\x00\x02\x30a\x03\x30bc"]) == [b"\x30a", b"\x30bc"]


def test_what_nobody_needs_is_left_out() -> None:
    assert pack_av1([DELIMITER], 100) == []
    assert unpack([b"\x20\x01\x10\x30a"]) == [b"\x30a"]


def test_a_size_that_a_sender_has_left_in_a_unit_is_taken_out() -> None:
    assert unpack([b"\x10\x32\x02ab"]) == [b"\x30ab"]


@pytest.mark.parametrize(
    ("payloads", "reason"),
    [
        (["10"], "bad_element"),
        (["2001aa"], "bad_element"),
        (["0005aa"], "bad_element"),
        (["0080"], "bad_leb128"),
        (["90aa"], "piece_without_start"),
        (["50aa", "10bb"], "unfinished_unit"),
        (["50aa"], "unfinished_unit"),
        (["1034"], "short_obu"),  # its header has a second byte, which is not there
        (["10320561"], "short_obu"),  # it has a size, and less than that
    ],
)
def test_what_is_malformed_is_an_error(payloads: list[str], reason: str) -> None:
    with pytest.raises(PacketError, match=reason):
        unpack([bytes.fromhex(payload) for payload in payloads])


def test_a_picture_has_a_largest_size() -> None:
    unpacker = Av1Unpacker()
    unpacker.feed(b"\x50" + bytes(MAX_PICTURE_BYTES - 1))
    with pytest.raises(PacketError, match="picture_too_large"):
        unpacker.feed(b"\xd0a")
    assert unpacker.take() == []
