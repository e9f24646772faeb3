"""Where the state is: a folder with a SQLite file, or a Postgres database by URL.

This module imports no SQLAlchemy, so that a command can look at a location before it waits for that, and
platformdirs only where the location is not given.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from headrace.store.errors import StateError

FILE_NAME: Final = "headrace.db"

_URL: Final = re.compile(r"[a-z][a-z0-9+]*://")
_POSTGRES: Final = re.compile(r"postgres(ql)?(\+psycopg)?://")
_PASSWORD: Final = re.compile(r"(?<=:)[^/?#]*(?=@)|(?<=password=)[^&]*")


@dataclass(frozen=True, slots=True)
class StateLocation:
    """Where the state is.

    Attributes:
        folder: With the SQLite file; None where it is a database by URL.
        url: For SQLAlchemy; it may have a password in it. Empty where it is a folder.
    """

    folder: Path | None
    url: str = field(default="", repr=False)

    @property
    def file(self) -> Path | None:
        """The SQLite file, None where there is none."""
        return None if self.folder is None else self.folder / FILE_NAME

    def __str__(self) -> str:
        return str(self.file) if self.folder is not None else hide_password(self.url)


def parse_location(text: str) -> StateLocation:
    """Return the location that ``text`` names: a folder, a Postgres URL, or the default where it is empty.

    Raises:
        StateError: It is the URL of something else.
    """
    if not text:
        # Imported here: a broker listens before it asks where its state is.
        from platformdirs import user_state_path  # noqa: PLC0415

        return StateLocation(user_state_path("headrace", appauthor=False))
    if not _URL.match(text):
        return StateLocation(Path(text).expanduser())
    if not _POSTGRES.match(text):
        raise StateError(
            f"{hide_password(text)} is no place for state: give a folder, or postgresql://USER@HOST/DATABASE"
        )
    return StateLocation(None, _POSTGRES.sub("postgresql+psycopg://", text, count=1))


def hide_password(url: str) -> str:
    """Return ``url`` with ``***`` for each password in it."""
    return _PASSWORD.sub("***", url)
