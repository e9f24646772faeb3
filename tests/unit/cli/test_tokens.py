import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path

import pytest

from headrace.access.ask import Ask, Verb
from headrace.access.gate import Denial, Gate, Grant
from headrace.cli.durations import DurationError
from headrace.cli.main import app
from headrace.cli.state import open_state
from headrace.cli.tokens import TokensError
from headrace.store.errors import StateError

Run = Callable[..., str]
PUBLIC_KEY = urlsafe_b64encode(bytes(range(32))).decode().rstrip("=")


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return what runs ``headrace tokens`` with a state that has a private channel ``a``."""
    monkeypatch.setenv("STATE", str(tmp_path / "state"))
    app(["channels", "add", "a", "--visibility", "private"], standalone_mode=False)
    capsys.readouterr()

    def run_command(*arguments: str) -> str:
        app(["tokens", *arguments], standalone_mode=False)
        return capsys.readouterr().out

    return run_command


def answer(folder: Path, token: str, verb: Verb = Verb.REQUEST, after_s: int = 0) -> Grant | Denial:
    with open_state(str(folder / "state")) as store:
        directory = store.directory()
    return Gate(directory).ask(Ask(verb, "a", token), int(time.time()) + after_s)


def jwks(folder: Path, *kids: str, kind: str = "OKP") -> str:
    entries = [{"kty": kind, "crv": "Ed25519", "kid": kid, "x": PUBLIC_KEY} for kid in kids]
    (file := folder / "keys.json").write_text(json.dumps({"keys": entries}))
    return str(file)


def test_a_token_lets_watch_a_private_channel_until_it_expires(run: Run, tmp_path: Path) -> None:
    token = run("new", "a", "--for", "2h").strip()
    assert isinstance(answer(tmp_path, token), Grant)
    assert isinstance(answer(tmp_path, token, after_s=7000), Grant)
    assert isinstance(answer(tmp_path, token, after_s=7300), Denial)
    assert isinstance(answer(tmp_path, token, Verb.PUBLISH), Denial)


def test_a_token_to_publish_with_is_asked_for(run: Run, tmp_path: Path) -> None:
    token = run("new", "a", "--for", "30m", "--publish").strip()
    assert isinstance(answer(tmp_path, token, Verb.PUBLISH), Grant)
    assert isinstance(answer(tmp_path, token), Denial)


def test_a_script_gets_a_token_as_json(run: Run, tmp_path: Path) -> None:
    said = json.loads(run("new", "a", "--for", "1h", "--json"))
    granted = answer(tmp_path, said["token"])
    assert isinstance(granted, Grant)
    assert granted.token_id == said["token_id"]
    assert granted.expires_unix_s == said["expires_unix_s"]


def test_after_a_rotation_tokens_that_are_about_hold(run: Run, tmp_path: Path) -> None:
    old = run("new", "a", "--for", "2h").strip()
    assert run("rotate").startswith("new tokens are signed with key ")
    new = run("new", "a", "--for", "2h").strip()
    assert isinstance(answer(tmp_path, old), Grant)
    assert isinstance(answer(tmp_path, new), Grant)
    assert len(json.loads(run("issuers", "--json"))) == 2
    assert run("forget", "headrace") == "tokens of headrace are taken no more\n"
    assert isinstance(answer(tmp_path, new), Denial)


def test_issuers_are_listed_without_their_keys(run: Run, tmp_path: Path) -> None:
    assert run("issuers").startswith("no tokens are taken")
    run("trust", jwks(tmp_path, "2026-11"), "--issuer", "studio", "--audience", "videos")
    [listed] = json.loads(run("issuers", "--json"))
    assert (listed["issuer"], listed["audience"], listed["key_id"], listed["algorithm"]) == (
        "studio", "videos", "2026-11", "EdDSA",
    )  # fmt: skip
    heading, row = run("issuers").splitlines()
    assert heading.split()[:4] == ["issuer", "audience", "key", "algorithm"]
    assert row.split()[:4] == ["studio", "videos", "2026-11", "EdDSA"]
    assert PUBLIC_KEY[:12] not in heading + row + json.dumps(listed)


def test_keys_of_an_issuer_replace_those_that_it_had(run: Run, tmp_path: Path) -> None:
    assert run("trust", jwks(tmp_path, "1", "2"), "--issuer", "studio") == (
        "tokens of studio are taken, with keys 1, 2\n"
    )
    run("trust", jwks(tmp_path, "3"), "--issuer", "studio")
    assert [one["key_id"] for one in json.loads(run("issuers", "--json"))] == ["3"]
    run("forget", "studio")
    assert json.loads(run("issuers", "--json")) == []


def test_a_file_of_keys_that_cannot_be_used_changes_nothing(run: Run, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no JSON")
    (tmp_path / "binary").write_bytes(b"\xff")
    for file, said in (
        (jwks(tmp_path, "1", kind="RSA"), "has no key that could be used"),
        (str(tmp_path / "text"), "cannot be used"),
        (str(tmp_path / "binary"), "is no text"),
        (str(tmp_path / "none"), "cannot read"),
    ):
        with pytest.raises(TokensError, match=said):
            run("trust", file, "--issuer", "studio")
    with pytest.raises(StateError, match="is this broker itself"):
        run("trust", jwks(tmp_path, "1"), "--issuer", "headrace")
    assert json.loads(run("issuers", "--json")) == []


def test_what_cannot_be_done_is_named(run: Run) -> None:
    with pytest.raises(StateError, match="there is no channel b"):
        run("new", "b", "--for", "2h")
    with pytest.raises(DurationError, match="'soon' is not how long"):
        run("new", "a", "--for", "soon")
    with pytest.raises(StateError, match="there is no issuer nobody"):
        run("forget", "nobody")
