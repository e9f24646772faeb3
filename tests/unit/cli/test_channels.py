import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headrace.access.channel_rule import ChannelRuleError
from headrace.base.errors import ChannelIdError, HeadraceError
from headrace.cli.channels import ChannelsError
from headrace.cli.main import app
from headrace.store.errors import StateError

Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return what runs ``headrace channels`` with a state of its own, and returns what it printed."""
    monkeypatch.setenv("STATE", str(tmp_path / "state"))

    def run_command(*arguments: str) -> str:
        app(["channels", *arguments], standalone_mode=False)
        return capsys.readouterr().out

    return run_command


def facts(run: Run, channel: str) -> Any:
    return json.loads(run("show", channel, "--json", "--secrets"))


def test_a_channel_is_public_and_in_the_clear_where_nothing_else_is_said(run: Run) -> None:
    assert (
        run("add", "1AAA99") == "added channel 1AAA99: 'headrace keys new 1AAA99' makes a key to publish it with\n"
    )
    found = facts(run, "1AAA99")
    assert found.pop("created_unix_s") > 1_700_000_000
    assert found == {
        "channel": "1AAA99", "visibility": "public", "encryption": "none", "keys": 0, "passphrase": None,
    }  # fmt: skip


def test_all_channels_are_listed_for_people_and_for_scripts(run: Run) -> None:
    assert run("list") == "there are no channels: 'headrace channels add CHANNEL' makes one\n"
    run("add", "b")
    run("add", "a", "--visibility", "private")
    assert [(one["channel"], one["visibility"]) for one in json.loads(run("list", "--json"))] == [
        ("a", "private"), ("b", "public"),
    ]  # fmt: skip
    heading, first, second = run("list").splitlines()
    assert heading.split() == ["channel", "visibility", "encryption", "keys", "created"]
    assert (first.split()[:4], second.split()[0]) == (["a", "private", "none", "0"], "b")


def test_a_made_passphrase_is_printed_and_later_shown_to_who_asks_for_secrets(run: Run) -> None:
    _, line = run("add", "a", "--encrypt").splitlines()
    passphrase = line.removeprefix("passphrase: ")
    assert len(passphrase) == 32
    assert facts(run, "a")["passphrase"] == passphrase
    assert passphrase not in run("show", "a") + run("show", "a", "--json") + run("list")
    assert f"passphrase  {passphrase}" in run("show", "a", "--secrets")


@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "byte order mark"])
@pytest.mark.parametrize("is_typed", [False, True])
def test_a_passphrase_comes_from_a_file_or_standard_input(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mark: str, *, is_typed: bool
) -> None:
    (tmp_path / "secret").write_text(f"{mark}correct horse\n", encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{mark}correct horse\n"))
    run("add", "a", "--passphrase-file", "-" if is_typed else str(tmp_path / "secret"), "--allow-clear")
    assert (facts(run, "a")["passphrase"], facts(run, "a")["encryption"]) == ("correct horse", "optional")


def test_what_is_set_is_changed_one_by_one(run: Run) -> None:
    run("add", "a", "--encrypt")
    passphrase = facts(run, "a")["passphrase"]
    assert run("set", "a", "--visibility", "private") == "channel a: private, encryption enforced\n"
    assert run("set", "a", "--allow-clear") == "channel a: private, encryption optional\n"
    assert facts(run, "a")["passphrase"] == passphrase
    assert run("set", "a", "--enforce-encryption") == "channel a: private, encryption enforced\n"
    run("set", "a", "--encrypt")
    assert facts(run, "a")["passphrase"] not in (passphrase, None)
    assert run("set", "a", "--no-encryption") == "channel a: private, encryption none\n"
    assert facts(run, "a")["passphrase"] is None


def test_a_channel_is_renamed_and_removed(run: Run) -> None:
    run("add", "a")
    assert run("rename", "a", "b") == "channel a is b now\n"
    assert run("remove", "b") == "removed channel b and its keys\n"
    assert json.loads(run("list", "--json")) == []


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (["add", "../x"], ChannelIdError),
        (["rename", "a", "../x"], ChannelIdError),
        (["add", "a"], StateError),
        (["show", "none"], StateError),
        (["set", "none", "--visibility", "private"], StateError),
        (["rename", "none", "b"], StateError),
        (["remove", "none"], StateError),
        (["set", "a", "--encrypt", "--no-encryption"], ChannelsError),
        (["set", "a", "--encrypt", "--passphrase-file", "x"], ChannelsError),
        (["add", "b", "--passphrase-file", "no/such/file"], ChannelsError),
    ],
)
def test_what_cannot_be_done_changes_nothing(run: Run, arguments: list[str], kind: type[HeadraceError]) -> None:
    run("add", "a")
    before = run("list", "--json")
    with pytest.raises(kind):
        run(*arguments)
    assert run("list", "--json") == before


def test_a_passphrase_that_srt_cannot_take_is_refused_and_not_shown(run: Run, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("short")
    with pytest.raises(ChannelRuleError) as raised:
        run("add", "a", "--passphrase-file", str(tmp_path / "secret"))
    assert "short" not in str(raised.value)
    (tmp_path / "secret").write_bytes(b"\xff" * 20)
    with pytest.raises(ChannelsError, match="is no UTF-8 text"):
        run("add", "a", "--passphrase-file", str(tmp_path / "secret"))
