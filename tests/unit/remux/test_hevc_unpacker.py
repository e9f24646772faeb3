import pytest

from headrace.base.errors import PacketError
from headrace.remux.hevc_unpacker import HevcUnpacker


def test_units_come_single_aggregated_and_in_pieces() -> None:
    unpacker = HevcUnpacker()
    for payload in (
        "6001" + "0004 40010c01" + "0003 420101",
        "62 01 93 aabb",
        "62 01 13 cc",
        "62 01 53 dd",
        "4e01ee",
    ):
        unpacker.feed(bytes.fromhex(payload))
    assert [unit.hex() for unit in unpacker.take()] == ["40010c01", "420101", "2601aabbccdd", "4e01ee"]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ("2601", "short_payload"),
        ("620193", "short_payload"),
        ("620113aa", "piece_without_start"),
        ("60010009aa", "bad_aggregate"),
        ("6401aabb", "unknown_payload"),  # PACI
    ],
)
def test_what_is_malformed_is_an_error(payload: str, reason: str) -> None:
    with pytest.raises(PacketError, match=reason):
        HevcUnpacker().feed(bytes.fromhex(payload))


@pytest.mark.parametrize(
    ("payload", "begins"),
    [
        ("40010c", True),
        ("420101", True),
        ("460150", True),
        ("6001000340010c", True),
        ("6001", False),
        ("2601aa", False),
    ],
)
def test_a_delimiter_or_a_parameter_set_begins_a_picture(payload: str, begins: bool) -> None:
    assert HevcUnpacker().begins_picture(bytes.fromhex(payload)) == begins
