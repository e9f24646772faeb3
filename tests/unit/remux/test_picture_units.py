import pytest

from headrace.base.errors import PacketError
from headrace.remux.picture_units import MAX_PICTURE_BYTES, MAX_UNITS, PictureUnits


def test_units_come_whole_together_and_in_pieces() -> None:
    units = PictureUnits()
    units.add(b"one")
    units.add_aggregate(b"\0\x03two\0\x05three")
    units.add_piece(b"ou", start=b"f", is_last=False)
    units.add_piece(b"r", start=b"", is_last=True)
    assert units.take() == [b"one", b"two", b"three", b"four"]
    assert units.take() == []


@pytest.mark.parametrize("body", [b"\0", b"\0\0", b"\0\x03ab", b"\0\x01a\0"])
def test_lengths_that_lie_are_errors(body: bytes) -> None:
    with pytest.raises(PacketError, match="bad_aggregate"):
        PictureUnits().add_aggregate(body)


def test_pieces_need_a_start_and_an_end() -> None:
    units = PictureUnits()
    with pytest.raises(PacketError, match="piece_without_start"):
        units.add_piece(b"x", start=b"", is_last=True)
    units.add_piece(b"x", start=b"a", is_last=False)
    with pytest.raises(PacketError, match="unfinished_unit"):
        units.add(b"b")
    with pytest.raises(PacketError, match="unfinished_unit"):
        units.add_piece(b"x", start=b"b", is_last=False)
    with pytest.raises(PacketError, match="unfinished_unit"):
        units.take()
    assert units.take() == []


def test_a_picture_has_a_largest_size() -> None:
    units = PictureUnits()
    units.add(bytes(MAX_PICTURE_BYTES))
    assert len(units.take()[0]) == MAX_PICTURE_BYTES
    units.add_piece(bytes(MAX_PICTURE_BYTES), start=b"x", is_last=False)
    with pytest.raises(PacketError, match="picture_too_large"):
        units.add_piece(b"y", start=b"", is_last=False)
    assert units.take() == []


def test_a_picture_has_a_most_of_units() -> None:
    units = PictureUnits()
    units.add_aggregate(b"\0\x01u" * MAX_UNITS)
    assert len(units.take()) == MAX_UNITS
    with pytest.raises(PacketError, match="picture_too_large"):
        units.add_aggregate(b"\0\x01u" * (MAX_UNITS + 1))
