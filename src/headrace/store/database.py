"""The database under the state: opened, checked, brought to the newest schema; and what goes wrong, in words."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, make_url, select, text, update
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from headrace.store.errors import StateError
from headrace.store.location import StateLocation
from headrace.store.migrations import migrate, read_version
from headrace.store.schema import SCHEMA_VERSION
from headrace.store.state_file import BUSY_SECONDS, is_writable, open_file, prepare_file
from headrace.store.tables import STATE
from headrace.store.wording import broken, explain

CONNECT_SECONDS: Final = 5
_WRITES: Final = "headrace_writes"


class Database:
    """An open state. It may be used by one thread at a time, whichever that is.

    Args:
        location: Where it is; made there if it is missing.

    Raises:
        StateError: It cannot be used; nothing was changed.
    """

    def __init__(self, location: StateLocation) -> None:
        self._location = location
        self._where = str(location)
        if location.file is not None:
            prepare_file(location.file)
        try:
            self._engine = _sqlite_engine(location.file) if location.file else _postgres_engine(location)
        except (ArgumentError, ModuleNotFoundError, ValueError) as error:
            raise StateError(_engine_advice(self._where, error)) from None
        try:
            self._check()
        except BaseException:
            self.close()
            raise

    def _check(self) -> None:
        with self.reading() as connection:
            _check_pages(connection, self._where)
            version = read_version(connection, self._where)
        if version < SCHEMA_VERSION:
            with self._begun(writes=True) as connection:
                migrate(connection, self._where)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection whose reads all see one moment.

        Raises:
            StateError: The database cannot be read.
        """
        with self._begun(writes=False) as connection:
            try:
                yield connection
            except StateError:
                raise
            except ValueError as error:
                # A row that none of us wrote.
                raise StateError(broken(self._where, str(error))) from None

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection; what is written there counts as one revision, or not at all if the block raises.

        Raises:
            StateError: The database cannot be written.
        """
        with self._begun(writes=True) as connection:
            # The first statement, so that writers wait for each other here.
            connection.execute(update(STATE).values(revision=STATE.c.revision + 1))
            yield connection

    @contextmanager
    def noting(self) -> Iterator[Connection]:
        """Give a connection for what is no part of who may do what: it makes no new revision that brokers look at.

        Raises:
            StateError: The database cannot be written.
        """
        with self._begun(writes=True) as connection:
            yield connection

    @contextmanager
    def _begun(self, *, writes: bool) -> Iterator[Connection]:
        file = self._location.file
        if writes and file is not None and not is_writable(file):
            raise StateError(f"{file} and its folder are not to be written by this user: run it as their owner")
        try:
            with self._engine.connect().execution_options(**{_WRITES: writes}) as connection, connection.begin():
                yield connection
        except SQLAlchemyError as error:
            original = error.orig if isinstance(error, DBAPIError) else None
            raise StateError(explain(self._where, original or error)) from None

    def close(self) -> None:
        """Close its connections."""
        self._engine.dispose()


def read_revision(connection: Connection) -> int:
    """Return how often the state has been written."""
    return int(connection.execute(select(STATE.c.revision)).scalar_one())


def _sqlite_engine(file: Path) -> Engine:
    # Each read opens the file anew (0.2 ms): so a file that was put in its place from a backup is seen.
    engine = create_engine(
        "sqlite://",
        poolclass=NullPool,
        creator=partial(open_file, file),
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def _began(connection: Connection) -> None:
        # A write that begins as a read may meet another one half way, and cannot wait for it then.
        is_write = connection.get_execution_options().get(_WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_write else "BEGIN")

    return engine


def _postgres_engine(location: StateLocation) -> Engine:
    options: dict[str, Any] = {
        "connect_timeout": CONNECT_SECONDS,
        "application_name": "headrace",
        "options": f"-c statement_timeout={1000 * CONNECT_SECONDS} -c lock_timeout={1000 * BUSY_SECONDS:.0f}",
    }
    return create_engine(
        make_url(location.url), pool_size=1, pool_pre_ping=True, connect_args=options, hide_parameters=True
    )


def _engine_advice(where: str, error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f"{where} needs {error.name}: type pip install '.[postgres]' in a checkout of Headrace"
    return f"{where} is no URL of a database: write postgresql://USER@HOST/DATABASE"


def _check_pages(connection: Connection, where: str) -> None:
    if connection.dialect.name != "sqlite":
        return
    if (said := connection.execute(text("PRAGMA quick_check(1)")).scalar()) != "ok":
        raise StateError(broken(where, str(said)))
