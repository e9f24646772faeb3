import json
import sys
from collections.abc import Callable
from errno import ENOSPC
from io import StringIO, TextIOWrapper
from pathlib import Path

import pytest

from headrace.base.stream_key import is_stream_key
from headrace.cli.key_files import KeyFileError
from headrace.cli.keys import KeysError
from headrace.cli.main import app
from headrace.cli.state import open_state
from headrace.store.errors import StateError

Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return what runs ``headrace keys`` with a state that has a channel ``a``, and returns what it printed."""
    monkeypatch.setenv("STATE", str(tmp_path / "state"))
    app(["channels", "add", "a"], standalone_mode=False)
    capsys.readouterr()

    def run_command(*arguments: str) -> str:
        app(["keys", *arguments], standalone_mode=False)
        return capsys.readouterr().out

    return run_command


def opened_by(folder: Path, key: str) -> str | None:
    with open_state(str(folder / "state")) as store:
        entry = store.directory().find_key(key)
    return None if entry is None else entry.channel_id


def test_a_key_opens_its_channel_and_is_shown_with_what_to_paste(run: Run, tmp_path: Path) -> None:
    said = run("new", "a", "--broker", "192.0.2.10:9")
    key = said.splitlines()[2].strip()
    assert is_stream_key(key)
    assert opened_by(tmp_path, key) == "a"
    assert f"srt://192.0.2.10:9?streamid={key}" in said
    assert key not in run("list", "a") + run("list", "a", "--json")


@pytest.mark.parametrize(
    ("listen", "address"),
    [
        (None, "127.0.0.1:8890"),
        (":9000", "127.0.0.1:9000"),
        ("0.0.0.0:9000", "127.0.0.1:9000"),
        ("[::]:9000", "127.0.0.1:9000"),
        ("192.0.2.10", "192.0.2.10:8890"),
        ("[2001:db8::1]:9000", "[2001:db8::1]:9000"),
    ],
)
def test_without_an_address_what_to_paste_has_the_broker_s_port_and_says_so(
    run: Run, listen: str | None, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if listen is not None:
        monkeypatch.setenv("LISTEN", listen)
    said = run("new", "a")
    assert f"srt://{address}?streamid=hrk_" in said
    assert said.endswith(f"\n{address} is this machine: --broker HOST:PORT prints lines for others.\n")
    assert "is this machine" not in run("new", "a", "--broker", "192.0.2.10")


def test_a_script_gets_a_key_as_json(run: Run, tmp_path: Path) -> None:
    said = json.loads(run("new", "a", "--json"))
    assert (said["key_id"], said["channel"]) == (1, "a")
    assert opened_by(tmp_path, said["key"]) == "a"


def test_a_key_can_go_into_a_file_and_not_onto_the_screen(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "a.key"
    said = run("new", "a", "--out", str(file))
    assert said == f"key 1 of channel a is in {file}\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert opened_by(tmp_path, file.read_text().strip()) == "a"
    with pytest.raises(KeyFileError, match="File exists"):
        run("new", "a", "--out", str(file))
    assert len(json.loads(run("list", "a", "--json"))) == 1


@pytest.mark.parametrize("arguments", [["new", "a"], ["new", "a", "--json"]])
@pytest.mark.parametrize("is_buffered", [False, True])
def test_a_key_that_nobody_was_shown_is_revoked(
    run: Run, arguments: list[str], monkeypatch: pytest.MonkeyPatch, *, is_buffered: bool
) -> None:
    with (
        TextIOWrapper(open("/dev/full", "wb"), write_through=not is_buffered) as full,
        monkeypatch.context() as patch,
    ):
        patch.setattr(sys, "stdout", full)
        with pytest.raises(KeysError) as raised:
            run(*arguments)
    assert str(raised.value) == (
        "cannot write to standard output: No space left on device: "
        "key 1 of channel a went to nobody, and is revoked"
    )
    [listed] = json.loads(run("list", "a", "--json"))
    assert listed["revoked_unix_s"] is not None


def test_of_a_key_that_cannot_be_revoked_either_the_command_is_told(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Lost(StringIO):
        def write(self, _text: str) -> int:
            (tmp_path / "state" / "headrace.db").unlink()
            raise OSError(ENOSPC, "No space left on device")

        def fileno(self) -> int:
            return nowhere.fileno()

    monkeypatch.setattr(sys, "stdout", Lost())
    with open("/dev/null", "wb") as nowhere, pytest.raises(KeysError, match=r"'headrace keys revoke a 1'$"):
        run("new", "a")


def test_a_key_whose_file_cannot_be_put_into_its_place_is_revoked(run: Run, tmp_path: Path) -> None:
    (tmp_path / "keys" / "a.key").mkdir(parents=True)
    with pytest.raises(KeysError, match=r"cannot write .*/a.key: Is a directory: key 1 of .* and is revoked"):
        run("keep", str(tmp_path / "keys"), "a")
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["a.key"]
    [listed] = json.loads(run("list", "a", "--json"))
    assert listed["revoked_unix_s"] is not None


def test_keys_are_listed_with_their_labels(run: Run) -> None:
    assert run("list", "a") == "channel a has no keys: 'headrace keys new a' makes one\n"
    run("new", "a", "--label", "camera 1")
    [listed] = json.loads(run("list", "a", "--json"))
    assert (listed["key_id"], listed["label"], listed["revoked_unix_s"]) == (1, "camera 1", None)
    heading, row = run("list", "a").splitlines()
    assert heading.split() == ["key", "label", "created", "revoked"]
    assert row.split()[:3] == ["1", "camera", "1"]


def test_the_only_key_is_revoked_without_its_number(run: Run, tmp_path: Path) -> None:
    key = json.loads(run("new", "a", "--json"))["key"]
    assert run("revoke", "a") == "revoked key 1 of channel a\n"
    assert opened_by(tmp_path, key) is None
    with pytest.raises(KeysError, match="channel a has no key that could be revoked"):
        run("revoke", "a")


def test_of_several_keys_one_is_named_or_all(run: Run, tmp_path: Path) -> None:
    made = [json.loads(run("new", "a", "--json"))["key"] for _ in range(3)]
    with pytest.raises(KeysError, match="channel a has the keys 1, 2, 3: say which, or --all"):
        run("revoke", "a")
    assert run("revoke", "a", "2") == "revoked key 2 of channel a\n"
    assert [opened_by(tmp_path, key) for key in made] == ["a", None, "a"]
    with pytest.raises(KeysError, match="choose one of a key's number and --all"):
        run("revoke", "a", "1", "--all")
    assert run("revoke", "a", "--all") == "revoked 2 keys of channel a\n"
    assert [opened_by(tmp_path, key) for key in made] == [None, None, None]


@pytest.mark.parametrize("arguments", [["new", "b"], ["list", "b"], ["revoke", "b"], ["revoke", "a", "7"]])
def test_what_is_not_there_is_named(run: Run, arguments: list[str]) -> None:
    with pytest.raises(StateError, match=r"there is no channel b|channel a has no key 7"):
        run(*arguments)


def test_the_keys_of_many_channels_are_kept_in_files(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    run("keep", str(folder), "a", "b")
    kept = {channel: (folder / f"{channel}.key").read_text().strip() for channel in ("a", "b")}
    assert {channel: opened_by(tmp_path, key) for channel, key in kept.items()} == {"a": "a", "b": "b"}
    assert (folder / "a.key").stat().st_mode & 0o777 == 0o600


def test_keys_that_are_kept_already_stay_and_revoked_ones_are_made_anew(run: Run, tmp_path: Path) -> None:
    run("keep", str(tmp_path), "a", "b")
    kept = (tmp_path / "a.key").read_text()
    run("revoke", "b", "--all")
    revoked = (tmp_path / "b.key").read_text()
    run("keep", str(tmp_path), "a", "b")
    assert (tmp_path / "a.key").read_text() == kept
    assert (tmp_path / "b.key").read_text() != revoked
    assert opened_by(tmp_path, (tmp_path / "b.key").read_text().strip()) == "b"


def test_a_key_that_stands_in_a_file_for_a_new_state_is_not_taken_from_it(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.key").write_text("hrk_of_another_state\n")
    run("keep", str(tmp_path), "a")
    assert opened_by(tmp_path, (tmp_path / "a.key").read_text().strip()) == "a"


def test_a_folder_that_cannot_be_written_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KeysError, match="cannot write"):
        run("keep", str(tmp_path / "file"), "a")
    assert json.loads(run("list", "a", "--json")) == []
