import pytest

from headrace.cli.durations import DurationError, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), (" 2H ", 7200), ("7d", 604_800), ("1s", 1)]
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "2", "h", "0h", "-1h", "1.5h", "2 h", "1w", "٣h", "9999999999s"])
def test_anything_else_is_refused_with_examples(text: str) -> None:
    with pytest.raises(DurationError, match="write 90s, 30m, 2h or 7d"):
        parse_duration(text)
