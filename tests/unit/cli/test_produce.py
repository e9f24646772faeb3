from fractions import Fraction
from pathlib import Path

import pytest

from headrace.base.errors import HeadraceError
from headrace.cli.produce import ProduceError, _parse_facts, _parse_rate, _parse_size, produce


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (None, (None, None)),
        ("", (None, None)),
        ("1280x720", (1280, 720)),
        ("640X360", (640, 360)),
        ("1x8192", (1, 8192)),
    ],
)
def test_a_size_is_read(text: str | None, size: tuple[int | None, int | None]) -> None:
    assert _parse_size(text) == size


@pytest.mark.parametrize("text", ["720p", "1280", "x", "0x0", "0x720", "8193x2", "-1x5", "٣x٣", "1280x720x2"])
def test_what_is_no_size_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ProduceError, match=r"is not a size.*\dx\d"):
        _parse_size(text)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        (None, None),
        ("", None),
        ("25", Fraction(25)),
        ("29.97", Fraction(2997, 100)),
        ("30000/1001", Fraction(30000, 1001)),
    ],
)
def test_a_rate_is_exact(text: str | None, rate: Fraction | None) -> None:
    assert _parse_rate(text) == rate


@pytest.mark.parametrize("text", ["fast", "1/0", "0", "-1", "240.1", "nan", "inf"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ProduceError, match="frame rate"):
        _parse_rate(text)


def test_facts_are_keys_and_values() -> None:
    assert _parse_facts(["city=Bern", "note=a=b", "empty="]) == {"city": "Bern", "note": "a=b", "empty": ""}
    for wrong in ("city", "=Bern"):
        with pytest.raises(ProduceError, match="KEY=VALUE"):
            _parse_facts([wrong])


def test_what_cannot_be_produced_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    for arguments, said in (
        ({"file": tmp_path / "none.mp4"}, "there is no file"),
        ({"frames": tmp_path}, "no frames in"),
        ({"test": True, "preset": "warp"}, "is not a preset"),
        ({"test": True, "title": "x" * 70_000}, "send less"),
        ({"test": True, "events": tmp_path / "none"}, "--events wants"),
        ({"test": True, "broker": "host:port"}, "is not an address"),
        ({"test": True, "takeover": True, "standby": True}, "choose one of --takeover"),
    ):
        with pytest.raises(HeadraceError, match=said):
            produce("1AAA99", **arguments)
    with pytest.raises(HeadraceError, match="is not a channel id"):
        produce("../x", test=True)
