import json
from pathlib import Path

import pytest

from headrace.cli.state import open_state, print_json, print_table, show_time
from headrace.store.errors import StateError


def test_a_state_is_made_where_it_is_named(tmp_path: Path) -> None:
    with open_state(str(tmp_path / "state")) as store:
        assert store.revision() == 0
    assert (tmp_path / "state" / "headrace.db").exists()


def test_a_place_that_cannot_be_one_is_refused() -> None:
    with pytest.raises(StateError, match="give a folder"):
        open_state("mysql://x")


def test_times_are_shown_in_utc() -> None:
    assert show_time(0) == "1970-01-01 00:00 UTC"
    assert show_time(None) == "-"


def test_a_table_shows_what_people_typed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("key", "label"), [("1", "[red]camera[/red]")], "nothing")
    assert "[red]camera[/red]" in capsys.readouterr().out


def test_a_table_without_rows_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("key",), [], "there are none")
    assert capsys.readouterr().out == "there are none\n"


def test_json_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_json([{"a": "b"}])
    assert json.loads(capsys.readouterr().out) == [{"a": "b"}]
