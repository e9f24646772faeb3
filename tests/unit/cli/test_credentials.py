from pathlib import Path

import pytest

from headrace.base.channel_id import MAX_CHANNEL_ID_CHARACTERS
from headrace.base.passphrase import PassphraseError
from headrace.cli.credentials import (
    MAX_CREDENTIAL_BYTES,
    CredentialError,
    read_admin_token,
    read_credential,
    read_passphrase,
)
from headrace.srt.stream_id import AccessRequest, format_stream_id

KEY = "hrk_" + "a2" * 16


def read(text: str | None = None, file: Path | None = None) -> str | None:
    return read_credential(text, file, variable="STREAM_KEY", what="stream key")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (made := tmp_path / "a.key").write_text("hrk_file\n")
    return made


def test_nothing_given_is_none() -> None:
    assert read() is None
    assert read("", Path()) is None


def test_a_key_comes_from_text_or_a_file(file: Path) -> None:
    assert read(f" {KEY}\n") == KEY
    assert read(file=file) == "hrk_file"


def test_a_byte_order_mark_is_no_part_of_a_key_or_passphrase(tmp_path: Path) -> None:
    (file := tmp_path / "a.key").write_text(f"{KEY}\r\n", encoding="utf-8-sig")
    assert read(file=file) == read_passphrase(None, file) == KEY


def test_what_was_typed_wins_over_the_environment(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAM_KEY", KEY)
    assert read(KEY, file) == "hrk_file"
    assert read("hrk_typed", file) == "hrk_typed"
    monkeypatch.setenv("STREAM_KEY_FILE", str(file))
    assert read(KEY, file) == KEY


@pytest.mark.parametrize("text", ["two words", "a,b", "schlüssel", "a\nb"])
def test_what_cannot_be_sent_is_refused_and_not_shown(text: str, tmp_path: Path) -> None:
    (file := tmp_path / "a.key").write_text(text, encoding="utf-8")
    for attempt in ({"text": text}, {"file": file}):
        with pytest.raises(CredentialError, match="has spaces, commas or other than ASCII") as raised:
            read(**attempt)
        assert text not in str(raised.value)


def test_the_longest_fits_into_a_stream_id_with_the_longest_channel_id() -> None:
    longest = "x" * MAX_CREDENTIAL_BYTES
    assert read(longest) == longest
    wishes = {"standby": "1"}
    format_stream_id(AccessRequest("c" * MAX_CHANNEL_ID_CHARACTERS, "request", credential=longest))
    format_stream_id(AccessRequest("c" * MAX_CHANNEL_ID_CHARACTERS, "publish", extra=wishes, credential=KEY))
    with pytest.raises(CredentialError, match="has 421 characters: a stream id has room for 420"):
        read(longest + "x")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(CredentialError, match=r"cannot read the stream key from .*none: No such file"):
        read(file=tmp_path / "none")
    (tmp_path / "empty").write_text(" \n")
    with pytest.raises(CredentialError, match=r"the stream key in .*empty is empty"):
        read(file=tmp_path / "empty")
    (tmp_path / "binary").write_bytes(b"\xff")
    with pytest.raises(CredentialError, match=r"the stream key in .*binary is no text"):
        read(file=tmp_path / "binary")


PASSPHRASE = " two words and spaces "


def test_a_passphrase_comes_from_text_or_a_file_without_its_line_s_end(tmp_path: Path) -> None:
    (file := tmp_path / "secret").write_bytes(PASSPHRASE.encode() + b"\r\n")
    assert read_passphrase(None, None) is read_passphrase("", Path()) is None
    assert read_passphrase(PASSPHRASE, None) == read_passphrase(None, file) == PASSPHRASE


def test_a_passphrase_that_was_typed_wins_over_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (file := tmp_path / "secret").write_text("of the file")
    monkeypatch.setenv("PASSPHRASE", PASSPHRASE)
    assert read_passphrase(PASSPHRASE, file) == "of the file"
    assert read_passphrase("typed by hand", file) == "typed by hand"


def test_a_passphrase_that_cannot_be_one_is_not_shown(tmp_path: Path) -> None:
    (file := tmp_path / "secret").write_text("short\n")
    for text, path in (("short", None), (None, file)):
        with pytest.raises(PassphraseError, match="10 to 79 bytes of UTF-8, this one has 5") as raised:
            read_passphrase(text, path)
        assert "short" not in str(raised.value)
    with pytest.raises(CredentialError, match="cannot read the passphrase from"):
        read_passphrase(None, tmp_path / "none")


def test_an_admin_token_that_can_be_guessed_is_none_and_is_not_shown() -> None:
    assert read_admin_token("0123456789abcdef", None) == "0123456789abcdef"
    with pytest.raises(CredentialError, match="at least 16 characters") as caught:
        read_admin_token("0123456789abcde", None)
    assert "abcde" not in str(caught.value)
    assert read_admin_token(None, None) is None
