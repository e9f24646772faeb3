"""What tokens are signed and checked with: a secret of our own, and the keys of other issuers."""

import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, delete, insert, select, update

from headrace.access.directory import TokenKey
from headrace.store.database import Database
from headrace.store.errors import StateError
from headrace.store.tables import TOKEN_KEYS

OWN_ISSUER: Final = "headrace"
OWN_AUDIENCE: Final = "headrace"
"""What the tokens of ``headrace tokens new`` say of who made them, and for whom."""


@dataclass(frozen=True, slots=True)
class TokenKeyRecord:
    """One key.

    Attributes:
        token_key: With which issuer, audience and algorithm.
        created_unix_s: When it was added.
        retired_unix_s: Since when tokens are signed with another one, None while they are signed with it. What a
            retired key has signed holds until it ends.
    """

    token_key: TokenKey
    created_unix_s: int
    retired_unix_s: int | None


class TokenKeyRecords:
    """The token keys that a database has.

    Args:
        database: Which one.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def list_all(self) -> list[TokenKeyRecord]:
        """Return all of them, by issuer and age.

        Raises:
            StateError: The state cannot be read.
        """
        with self._database.reading() as connection:
            return _records(connection)

    def own(self) -> TokenKey | None:
        """Return the key that new tokens of our own are signed with, None where there is none yet.

        Raises:
            StateError: The state cannot be read.
        """
        with self._database.reading() as connection:
            return _own(connection)

    def own_or(self, made: TokenKey) -> TokenKey:
        """Return the key that new tokens of our own are signed with: ``made``, where there was none.

        Raises:
            StateError: The state cannot be read or written.
        """
        if (found := self.own()) is not None:
            return found
        with self._database.writing() as connection:
            # Another process may have made one meanwhile.
            found = _own(connection)
            if found is None:
                _add(connection, made)
        return found or made

    def rotate(self, made: TokenKey) -> None:
        """Sign new tokens of our own with ``made``; those that are about hold until they end.

        Raises:
            StateError: The state cannot be written.
        """
        with self._database.writing() as connection:
            mine = (TOKEN_KEYS.c.issuer == OWN_ISSUER) & TOKEN_KEYS.c.retired_unix_s.is_(None)
            connection.execute(update(TOKEN_KEYS).where(mine).values(retired_unix_s=int(time.time())))
            _add(connection, made)

    def trust(self, keys: Sequence[TokenKey]) -> None:
        """Let ``keys`` be those of their issuer, in place of what it had.

        Raises:
            StateError: The issuer is ourselves, or the state cannot be written.
        """
        issuers = {key.issuer for key in keys}
        if OWN_ISSUER in issuers:
            raise StateError(f"the issuer {OWN_ISSUER} is this broker itself: name another one")
        with self._database.writing() as connection:
            connection.execute(delete(TOKEN_KEYS).where(TOKEN_KEYS.c.issuer.in_(issuers)))
            for key in keys:
                _add(connection, key)

    def forget(self, issuer: str) -> None:
        """Let tokens of ``issuer`` open nothing any more; our own included.

        Raises:
            StateError: There is no such issuer, or the state cannot be written.
        """
        with self._database.writing() as connection:
            done = connection.execute(delete(TOKEN_KEYS).where(TOKEN_KEYS.c.issuer == issuer))
            if not done.rowcount:
                raise StateError(f"there is no issuer {issuer}: 'headrace tokens issuers' shows those there are")


def _own(connection: Connection) -> TokenKey | None:
    mine = [
        record.token_key
        for record in _records(connection)
        if record.token_key.issuer == OWN_ISSUER and record.retired_unix_s is None
    ]
    return mine[-1] if mine else None


def _records(connection: Connection) -> "list[TokenKeyRecord]":
    wanted = select(
        TOKEN_KEYS.c.issuer,
        TOKEN_KEYS.c.audience,
        TOKEN_KEYS.c.key_id,
        TOKEN_KEYS.c.algorithm,
        TOKEN_KEYS.c.key,
        TOKEN_KEYS.c.created_unix_s,
        TOKEN_KEYS.c.retired_unix_s,
    ).order_by(TOKEN_KEYS.c.issuer, TOKEN_KEYS.c.created_unix_s, TOKEN_KEYS.c.key_id)
    return [
        TokenKeyRecord(TokenKey(issuer, audience, key_id, algorithm, urlsafe_b64decode(key)), created, retired)
        for issuer, audience, key_id, algorithm, key, created, retired in connection.execute(wanted)
    ]


def _add(connection: Connection, key: TokenKey) -> None:
    added = insert(TOKEN_KEYS).values(
        issuer=key.issuer,
        key_id=key.key_id,
        audience=key.audience,
        algorithm=key.algorithm,
        key=urlsafe_b64encode(key.key).decode(),
        created_unix_s=int(time.time()),
    )
    connection.execute(added)
