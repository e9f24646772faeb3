"""Stream keys and tokens as commands take them: from an option, the environment or a file, and shown nowhere."""

import os
from pathlib import Path
from typing import Final, NamedTuple

from headrace.access.admin_token import MIN_ADMIN_CHARACTERS
from headrace.base.errors import HeadraceError
from headrace.base.passphrase import check_passphrase

MAX_CREDENTIAL_BYTES: Final = 420
"""What a stream id of 512 bytes has room for beside the longest channel id. A key has 36."""


class CredentialError(HeadraceError):
    """A key or token that cannot be one, or a file of one that cannot be read."""


def read_credential(text: str | None, file: Path | None, *, variable: str, what: str) -> str | None:
    """Return the key or token that was given, or None.

    Args:
        text: It, from the option or the environment.
        file: A file with it, from the option or the environment.
        variable: Where ``text`` comes from in the environment; ``file`` comes from the same name with ``_FILE``.
        what: It is, for messages.

    Raises:
        CredentialError: It cannot be sent, or the file cannot be read; the message shows nothing of it.
    """
    given = _find(text, file, variable, what)
    return None if given is None else _checked(given.text.strip(), given.what)


def read_passphrase(text: str | None, file: Path | None) -> str | None:
    """Return the passphrase that was given, or None; of a file, without the end of its line.

    Args:
        text: It, from the option or from ``PASSPHRASE``.
        file: A file with it, from the option or from ``PASSPHRASE_FILE``.

    Raises:
        CredentialError: The file cannot be read.
        PassphraseError: It cannot be one; the message shows nothing of it.
    """
    given = _find(text, file, "PASSPHRASE", "passphrase")
    return None if given is None else check_passphrase(given.text)


def read_admin_token(text: str | None, file: Path | None) -> str | None:
    """Return the admin token that was given, or None.

    Raises:
        CredentialError: It is too short to be one, or the file cannot be read; the message shows nothing of it.
    """
    token = read_credential(text, file, variable="ADMIN_TOKEN", what="admin token")
    if token is not None and len(token) < MIN_ADMIN_CHARACTERS:
        raise CredentialError(
            f"an admin token has at least {MIN_ADMIN_CHARACTERS} characters: this one can be guessed"
        )
    return token


class _Given(NamedTuple):
    text: str
    what: str


def _find(text: str | None, file: Path | None, variable: str, what: str) -> _Given | None:
    if text and file and _was_typed(file, f"{variable}_FILE") and not _was_typed(text, variable):
        text = None  # what was typed wins over the environment
    if text:
        return _Given(text, what)
    if file is None or file == Path():  # an empty variable counts as not set
        return None
    try:
        # Editors on Windows begin a file with a byte order mark, which is no part of what was typed.
        return _Given(file.read_text(encoding="utf-8-sig").rstrip("\r\n"), f"{what} in {file}")
    except OSError as error:
        raise CredentialError(f"cannot read the {what} from {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CredentialError(f"the {what} in {file} is no text") from None


def _was_typed(value: object, variable: str) -> bool:
    return os.environ.get(variable) != str(value)


def _checked(text: str, what: str) -> str:
    if not text:
        raise CredentialError(f"the {what} is empty")
    if not text.isascii() or not text.isprintable() or " " in text or "," in text:
        raise CredentialError(f"the {what} cannot be one: it has spaces, commas or other than ASCII characters")
    if len(text) > MAX_CREDENTIAL_BYTES:
        raise CredentialError(
            f"the {what} has {len(text)} characters: a stream id has room for {MAX_CREDENTIAL_BYTES}"
        )
    return text
