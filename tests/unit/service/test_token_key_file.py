"""The JWKS file is read again when it changes, and a broken version takes no keys away; one without keys does."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.support.jwks_files import write_jwks

from headrace.service.token_key_file import TokenKeyFile, TokenKeyFileError


def read(path: Path, *key_ids: str) -> TokenKeyFile:
    write_jwks(path, *key_ids)
    file = TokenKeyFile(path)
    file.read()
    return file


def ids(file: TokenKeyFile) -> list[str]:
    return [key.key_id for key in file.keys]


def test_keys_are_read_and_rotated_with_the_file(tmp_path: Path) -> None:
    file = read(tmp_path / "keys.json", "k1")
    assert ids(file) == ["k1"]
    assert not file.read_if_changed()
    write_jwks(tmp_path / "keys.json", "k1", "k2")
    assert file.read_if_changed()
    assert ids(file) == ["k1", "k2"]
    assert not file.read_if_changed()


def test_keys_are_those_of_the_issuer_and_audience_that_are_set(tmp_path: Path) -> None:
    write_jwks(tmp_path / "keys.json", "k1")
    file = TokenKeyFile(tmp_path / "keys.json", "studio", "tv")
    file.read()
    assert (file.keys[0].issuer, file.keys[0].audience) == ("studio", "tv")


@pytest.mark.parametrize("text", ["", "{}", '{"keys": [{"kty": "oct", "kid": "k1", "k": "AA"}]}'])
def test_a_broken_version_leaves_the_keys_of_before_until_it_is_mended(tmp_path: Path, text: str) -> None:
    file = read(tmp_path / "keys.json", "k1")
    write_jwks(tmp_path / "keys.json", text=text)
    assert not file.read_if_changed()
    assert ids(file) == ["k1"]
    write_jwks(tmp_path / "keys.json", "k2")
    assert file.read_if_changed()
    assert ids(file) == ["k2"]


@pytest.mark.parametrize("text", ['{"keys": []}', '{"keys": [{"kty": "RSA"}]}'])
def test_a_version_without_usable_keys_takes_the_last_one_away_and_says_so(tmp_path: Path, text: str) -> None:
    file = read(tmp_path / "keys.json", "k1")
    write_jwks(tmp_path / "keys.json", text=text)
    with capture_logs() as logs:
        assert file.read_if_changed()
    assert ids(file) == []
    assert [(log["log_level"], log["event"]) for log in logs] == [("warning", "there are no token keys any more")]
    assert not file.read_if_changed()
    write_jwks(tmp_path / "keys.json", "k2")
    assert file.read_if_changed()
    assert ids(file) == ["k2"]


def test_a_file_that_is_gone_for_a_moment_leaves_them_too(tmp_path: Path) -> None:
    file = read(tmp_path / "keys.json", "k1")
    (tmp_path / "keys.json").unlink()
    assert not file.read_if_changed()
    assert ids(file) == ["k1"]
    write_jwks(tmp_path / "keys.json", "k3")
    assert file.read_if_changed()
    assert ids(file) == ["k3"]


def test_at_the_start_a_file_that_cannot_be_used_is_an_error_that_says_why(tmp_path: Path) -> None:
    missing = TokenKeyFile(tmp_path / "keys.json")
    with pytest.raises(TokenKeyFileError, match="No such file"):
        missing.read()
    (tmp_path / "keys.json").write_bytes(b"\xff")
    with pytest.raises(TokenKeyFileError, match="this is no text"):
        missing.read()
    write_jwks(tmp_path / "keys.json", text='{"keys": [{"kty": "RSA"}]}')
    with pytest.raises(TokenKeyFileError, match="no key of a kind that is known"):
        missing.read()
