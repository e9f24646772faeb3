import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from headrace.access.channel_rule import ChannelRule, Visibility
from headrace.access.directory import TokenKey
from headrace.store import state_file
from headrace.store.errors import StateError
from headrace.store.location import StateLocation, parse_location
from headrace.store.schema import SCHEMA_VERSION
from headrace.store.state_reader import StateReader
from headrace.store.state_store import StateStore


@pytest.fixture
def here(tmp_path: Path) -> StateLocation:
    return parse_location(str(tmp_path / "state"))


def written(location: StateLocation) -> Path:
    """Make a state with something of everything in it; return its file."""
    with StateStore(location) as store:
        store.channels.add(
            ChannelRule("a", Visibility.PRIVATE, "correct horse battery", is_encryption_enforced=True)
        )
        store.channels.add(ChannelRule("b"))
        store.keys.add("a", "the key")
        store.keys.revoke("a", store.keys.add("a", "a revoked key"))
        store.token_keys.trust([TokenKey("shop.example", "videos", "1", "EdDSA", b"k" * 32)])
        store.token_keys.own_or(TokenKey("headrace", "headrace", "1", "HS256", b"s" * 32))
    assert location.file is not None
    return location.file


def run_sql(file: Path, statement: str) -> None:
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute(statement)
    connection.close()


def reader(location: StateLocation) -> StateReader:
    found = StateReader.of(location)
    assert found is not None
    return found


def test_it_reads_what_a_store_reads(here: StateLocation) -> None:
    written(here)
    found = reader(here)
    with StateStore(here) as store:
        assert found.revision() == store.revision() == 7
        for is_open in (False, True):
            directory = found.directory(is_open=is_open)
            assert directory == store.directory(is_open=is_open)
            assert directory.channels["a"].is_encryption_enforced is True
    assert found.directory().find_key("the key") is not None
    assert found.directory().find_key("a revoked key") is None


def test_it_loads_no_sqlalchemy(here: StateLocation) -> None:
    file = written(here)
    script = (
        "import sys\n"
        "from headrace.store.location import parse_location\n"
        "from headrace.store.state_reader import StateReader\n"
        f"assert StateReader.of(parse_location({str(file.parent)!r})).directory().channels\n"
        "assert 'sqlalchemy' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_state_that_is_missing_or_new_or_elsewhere_is_left_to_the_store(here: StateLocation) -> None:
    assert StateReader.of(here) is None
    assert here.folder is not None
    assert not here.folder.exists()
    StateStore(here).close()
    assert StateReader.of(here) is None
    assert StateReader.of(parse_location("postgresql://ann@db/x")) is None


@pytest.mark.parametrize("version", [SCHEMA_VERSION - 1, SCHEMA_VERSION + 1])
def test_a_state_of_another_version_is_left_to_the_store(here: StateLocation, version: int) -> None:
    run_sql(written(here), f"UPDATE headrace_state SET schema_version = {version}")
    assert StateReader.of(here) is None


@pytest.mark.parametrize("version", [SCHEMA_VERSION - 1, SCHEMA_VERSION + 1])
def test_a_state_that_is_of_another_version_later_says_so(here: StateLocation, version: int) -> None:
    file = written(here)
    found = reader(here)
    run_sql(file, f"UPDATE headrace_state SET schema_version = {version}, revision = revision + 1")
    for read in found.revision, found.directory:
        with pytest.raises(StateError, match=rf"^{file} was written .* \(schema {version}, this one"):
            read()


def test_a_damaged_or_foreign_file_is_left_to_the_store_as_it_is(here: StateLocation) -> None:
    file = written(here)
    sound = file.read_bytes()
    run_sql(file, "DROP TABLE headrace_state")
    for damaged in (b"no database at all" * 100, sound[:4096] + b"\xff" * (len(sound) - 4096), file.read_bytes()):
        file.write_bytes(damaged)
        assert StateReader.of(here) is None
        assert file.read_bytes() == damaged


def test_a_file_that_others_could_read_is_taken_from_them(here: StateLocation) -> None:
    file = written(here)
    file.chmod(0o644)
    reader(here)
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_file_that_was_put_in_the_place_of_another_is_read(here: StateLocation, tmp_path: Path) -> None:
    file = written(here)
    other = written(parse_location(str(tmp_path / "other")))
    run_sql(other, "UPDATE headrace_state SET revision = 41")
    found = reader(here)
    other.replace(file)
    assert found.revision() == 41


def test_a_file_that_is_locked_or_gone_says_so(here: StateLocation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_file, "BUSY_SECONDS", 0.05)
    file = written(here)
    found = reader(here)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StateError, match="is locked by another program"):
        found.revision()
    other.close()
    file.unlink()
    with pytest.raises(StateError, match=f"cannot use {file}: unable to open"):
        found.revision()
    assert not file.exists()
    file.mkdir()
    with pytest.raises(StateError, match=f"cannot use {file}: unable to open"):
        found.directory()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE headrace_channels SET visibility = 'hidden'",
        "UPDATE headrace_stream_keys SET digest_hex = 'no hex' WHERE key_id = 1",
        "DELETE FROM headrace_state",
    ],
)
def test_a_row_that_cannot_be_is_an_error_and_no_crash(here: StateLocation, damage: str) -> None:
    file = written(here)
    found = reader(here)
    run_sql(file, damage)
    with pytest.raises(StateError, match=" is broken "):
        found.directory()
