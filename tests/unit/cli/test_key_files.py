import resource
import stat
from pathlib import Path

import pytest

from headrace.cli.key_files import KeyFile, KeyFileError, read_key_file


def test_a_key_is_for_its_owner_alone_and_comes_back(tmp_path: Path) -> None:
    KeyFile(path := tmp_path / "a.key").write("the key")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_key_file(path) == "the key"


def test_a_byte_order_mark_is_no_part_of_a_key(tmp_path: Path) -> None:
    (tmp_path / "a.key").write_text("the key\r\n", encoding="utf-8-sig")
    assert read_key_file(tmp_path / "a.key") == "the key"


def test_a_file_is_replaced_only_where_that_is_asked_for(tmp_path: Path) -> None:
    (path := tmp_path / "a.key").write_text("old")
    with pytest.raises(KeyFileError, match=f"cannot write {path}: File exists"):
        KeyFile(path)
    file = KeyFile(path, replaces=True)
    assert read_key_file(path) == "old"
    file.write("new")
    assert read_key_file(path) == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("replaces", [False, True])
def test_without_a_key_nothing_is_left(tmp_path: Path, *, replaces: bool) -> None:
    KeyFile(tmp_path / "a.key", replaces=replaces).give_up()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("replaces", [False, True])
def test_where_a_key_cannot_be_written_nothing_is_left(tmp_path: Path, *, replaces: bool) -> None:
    file = KeyFile(tmp_path / "a.key", replaces=replaces)
    _, hard = limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with pytest.raises(KeyFileError, match=r"cannot write .*/a.key: File too large"):
            file.write("the key")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match=r"cannot write .*none/a.key: No such file or directory"):
        KeyFile(tmp_path / "none" / "a.key")


def test_what_cannot_be_read_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff")
    assert read_key_file(tmp_path / "binary") is None
    assert read_key_file(tmp_path / "none") is None
