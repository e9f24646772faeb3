import pytest

from headrace.codecs.annex_b import join_annex_b, split_annex_b


@pytest.mark.parametrize(
    ("data", "units"),
    [
        ("", []),
        ("000001", []),
        ("00000165", ["65"]),
        ("0000000165aabb00000167", ["65aabb", "67"]),
        ("000000000165aa000000000167bb000000", ["65aa", "67bb"]),
        ("aabb00000165", ["65"]),
        ("000001000001000001", []),
        ("00000141000003000001", ["41000003"]),
    ],
)
def test_units_come_without_start_codes_and_zeros(data: str, units: list[str]) -> None:
    assert [unit.hex() for unit in split_annex_b(bytes.fromhex(data))] == units


def test_units_are_joined_with_long_start_codes() -> None:
    assert join_annex_b([b"\x67\x01", b"\x65"]).hex() == "00000001670100000001" + "65"
    assert join_annex_b([]) == b""
