"""The folder and the file of a SQLite state: made for this user alone, and looked at before they are opened.

SQLite gives its journal the mode of the file that it belongs to.
"""

import os
import sqlite3
import stat
from pathlib import Path
from typing import Final

from headrace.store.errors import StateError

FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600
BUSY_SECONDS: Final = 2
"""Longer than any write of ours; who holds the lock for longer is a program that has stopped."""
HINT: Final = "mend that, or name another folder with --state DIR"


def prepare_file(file: Path) -> None:
    """Make ``file`` and its folder where they are missing; take from others the right to read it.

    Raises:
        StateError: They cannot be used.
    """
    try:
        _prepare_folder(file.parent)
        if not file.exists():
            os.close(os.open(file, os.O_CREAT | os.O_RDWR, FILE_MODE))
    except OSError as error:
        raise StateError(f"cannot keep state in {file.parent}: {_reason(error)}: {HINT}") from None
    try:
        _prepare_existing(file)
    except OSError as error:
        raise StateError(f"cannot read {file}: {_reason(error)}: {HINT}") from None


def open_file(file: Path) -> sqlite3.Connection:
    """Open a state that is there, with transactions for the caller to begin. Any thread may use it, one at a time.

    SQLite would make an empty file where one was moved away, and a reader of that would take the journal of what
    is put in its place for a dead writer's, and delete it.

    Raises:
        sqlite3.Error: It is not there, or cannot be opened.
    """
    where = f"{file.absolute().as_uri()}?mode=rw"
    return sqlite3.connect(where, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)


def is_writable(file: Path) -> bool:
    """Return whether ``file`` can be changed; SQLite needs its folder too, for a journal."""
    return os.access(file, os.W_OK, effective_ids=True) and os.access(file.parent, os.W_OK, effective_ids=True)


def _prepare_folder(folder: Path) -> None:
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    if folder.stat().st_mode & stat.S_IWOTH:
        raise StateError(f"cannot keep state in {folder}: anybody can write there: {HINT}")


def _prepare_existing(file: Path) -> None:
    if not stat.S_ISREG(file.stat().st_mode):  # a pipe in its place would be waited for without end
        raise StateError(f"cannot read {file}: it is no regular file: {HINT}")
    with file.open("rb") as opened:
        facts = os.fstat(opened.fileno())
        if facts.st_mode & 0o077 and facts.st_uid == os.geteuid():
            os.fchmod(opened.fileno(), FILE_MODE)


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
