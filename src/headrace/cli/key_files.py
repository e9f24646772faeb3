"""Stream keys in files that only their owner can read."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from headrace.base.errors import HeadraceError

FILE_MODE: Final = 0o600


class KeyFileError(HeadraceError):
    """A key cannot be put into a file."""


class KeyFile:
    """A file that gets a key. It is made when this is, so that a key is stored only when it can be handed out.

    Args:
        path: Where the key is to be.
        replaces: Whether what stands there may go, which happens when the key is written.

    Raises:
        KeyFileError: It cannot be made.
    """

    def __init__(self, path: Path, *, replaces: bool = False) -> None:
        self._path = path
        self._made = path.with_name(f"{path.name}.new") if replaces else path
        flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if replaces else os.O_EXCL)
        try:
            self._descriptor = os.open(self._made, flags, FILE_MODE)
        except OSError as error:
            raise KeyFileError(f"cannot write {path}: {error.strerror}") from None

    def write(self, key: str) -> None:
        """Put the key in, and the file into its place; nothing is left of it where that fails.

        Raises:
            KeyFileError: It cannot be written.
        """
        try:
            os.write(self._descriptor, f"{key}\n".encode())
            self._made.replace(self._path)
        except OSError as error:
            with suppress(OSError):
                self._made.unlink()
            raise KeyFileError(f"cannot write {self._path}: {error.strerror}") from None
        finally:
            os.close(self._descriptor)

    def give_up(self) -> None:
        """Remove it, as there is no key."""
        os.close(self._descriptor)
        with suppress(OSError):
            self._made.unlink()


def read_key_file(path: Path) -> str | None:
    """Return what stands in a file, without a byte order mark; None where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError):
        return None
