import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.store.errors import StateError
from headrace.store.state_file import is_writable, prepare_file

NOBODY = 65534


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def nobodys_folder() -> Iterator[Path]:
    """Give a folder of a user without rights, as whom the test runs if root runs it."""
    is_root = os.geteuid() == 0
    with tempfile.TemporaryDirectory(prefix="headrace-") as name:
        if is_root:
            os.chown(name, NOBODY, NOBODY)
            os.seteuid(NOBODY)
        try:
            yield Path(name)
        finally:
            os.chmod(name, 0o700)
            if is_root:
                os.seteuid(0)


def test_folder_and_file_are_made_for_their_user_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        prepare_file(file := tmp_path / "deep" / "state" / "headrace.db")
    finally:
        os.umask(before)
    assert (mode(file.parent), mode(file)) == (0o700, 0o600)
    assert is_writable(file)


def test_a_file_that_others_could_read_is_theirs_no_more_and_keeps_its_content(tmp_path: Path) -> None:
    file = tmp_path / "headrace.db"
    file.write_bytes(b"content")
    file.chmod(0o664)
    prepare_file(file)
    assert (mode(file), file.read_bytes()) == (0o600, b"content")


def test_a_folder_that_anybody_can_write_is_refused(tmp_path: Path) -> None:
    (folder := tmp_path / "shared").mkdir()
    folder.chmod(0o1777)
    with pytest.raises(StateError, match=f"cannot keep state in {folder}: anybody can write there: .*--state DIR"):
        prepare_file(folder / "headrace.db")
    assert list(folder.iterdir()) == []


def test_a_file_in_the_folders_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(
        StateError, match=r"cannot keep state in .*/state: File exists: mend that, or name another"
    ):
        prepare_file(tmp_path / "state" / "headrace.db")


def test_a_folder_in_the_files_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "headrace.db").mkdir()
    with pytest.raises(
        StateError, match=r"cannot read .*/headrace.db: it is no regular file: mend that, or name another"
    ):
        prepare_file(tmp_path / "headrace.db")


def test_a_pipe_in_the_files_place_is_named_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "headrace.db")
    with pytest.raises(StateError, match="it is no regular file"):
        prepare_file(tmp_path / "headrace.db")


def test_a_folder_without_the_right_to_write_is_named(nobodys_folder: Path) -> None:
    nobodys_folder.chmod(0o500)
    with pytest.raises(StateError, match=f"cannot keep state in {nobodys_folder}: Permission denied: mend that"):
        prepare_file(nobodys_folder / "headrace.db")


def test_a_file_without_the_right_to_read_is_named(nobodys_folder: Path) -> None:
    (file := nobodys_folder / "headrace.db").write_bytes(b"content")
    file.chmod(0)
    with pytest.raises(StateError, match=f"cannot read {file}: Permission denied: mend that"):
        prepare_file(file)


@pytest.mark.parametrize(("folder_mode", "file_mode"), [(0o500, 0o600), (0o700, 0o400)])
def test_a_state_that_can_be_read_alone_is_no_fault_but_is_known(
    nobodys_folder: Path, folder_mode: int, file_mode: int
) -> None:
    (file := nobodys_folder / "headrace.db").write_bytes(b"content")
    file.chmod(file_mode)
    nobodys_folder.chmod(folder_mode)
    prepare_file(file)
    assert not is_writable(file)
