"""The admin tokens of a state, of which it has the digests alone."""

import time

from sqlalchemy import delete, insert, select

from headrace.access.admin_token import hash_admin_token
from headrace.store.database import Database
from headrace.store.tables import ADMIN_TOKENS


class AdminTokenRecords:
    """The admin tokens that a database has.

    Args:
        database: Which one.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def replace(self, token: str) -> None:
        """Let ``token`` be the only one from now on.

        Raises:
            StateError: The state cannot be written.
        """
        with self._database.writing() as connection:
            connection.execute(delete(ADMIN_TOKENS))
            digest_hex = hash_admin_token(token).hex()
            connection.execute(insert(ADMIN_TOKENS).values(digest_hex=digest_hex, created_unix_s=int(time.time())))

    def digests(self) -> list[bytes]:
        """Return the SHA-256 of each token that is good.

        Raises:
            StateError: The state cannot be read.
        """
        with self._database.reading() as connection:
            rows = connection.execute(select(ADMIN_TOKENS.c.digest_hex))
            return [bytes.fromhex(digest_hex) for (digest_hex,) in rows]
