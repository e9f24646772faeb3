"""A SQLite state read without SQLAlchemy, which takes longer to load than a broker and holds 15 MB.

A broker that follows a state needs no more than this. What has to be done to a state first, or said of it, is for
`StateStore`.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Self

from headrace.access.directory import Directory
from headrace.store.directory_rows import Execute, read_directory, read_known_revision, read_versions
from headrace.store.errors import StateError
from headrace.store.location import StateLocation
from headrace.store.schema import SCHEMA_VERSION
from headrace.store.state_file import open_file, prepare_file
from headrace.store.wording import broken, explain


class StateReader:
    """Reads one file. It may be used by one thread at a time, whichever that is.

    Args:
        file: The file.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    @classmethod
    def of(cls, location: StateLocation) -> Self | None:
        """Return what reads a state as it is; None where `StateStore` has to open it.

        That is a Postgres database, a state that nothing was ever written to, one of another version, and one that
        cannot be read.

        Raises:
            StateError: The file or its folder cannot be used.
        """
        file = location.file
        if file is None or not file.is_file():
            return None
        prepare_file(file)
        found = cls(file)
        try:
            return found if found._is_sound() else None
        except StateError:
            return None

    def _is_sound(self) -> bool:
        with self._reading() as execute:
            schema_version, revision = read_versions(execute)
            [(said,)] = execute("PRAGMA quick_check(1)")
            return schema_version == SCHEMA_VERSION and revision > 0 and said == "ok"

    def revision(self) -> int:
        """Return how often it was written.

        Raises:
            StateError: It cannot be read, or is of another version by now.
        """
        with self._reading() as execute:
            return read_known_revision(execute, str(self._file))

    def directory(self, *, is_open: bool = False) -> Directory:
        """Return who may do what.

        Args:
            is_open: Whether anybody may publish.

        Raises:
            StateError: It cannot be read, or is of another version by now.
        """
        with self._reading() as execute:
            return read_directory(execute, str(self._file), is_open=is_open)

    @contextmanager
    def _reading(self) -> Iterator[Execute]:
        """Give what runs queries that all see one moment.

        Each read opens the file anew, so one that was put in its place from a backup is seen.
        """
        where = str(self._file)
        try:
            with closing(open_file(self._file)) as connection:
                connection.execute("BEGIN")
                yield connection.execute
        except sqlite3.Error as error:
            raise StateError(explain(where, error)) from None
        except ValueError as error:
            # A row that none of us wrote.
            raise StateError(broken(where, str(error))) from None

    def close(self) -> None:
        """Do nothing: each read has closed what it opened."""
