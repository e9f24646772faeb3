"""The stream keys of a state, of which it has the digests alone."""

import time
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Connection, insert, select, update

from headrace.access.stream_keys import hash_stream_key
from headrace.store.channel_records import check_channel_exists
from headrace.store.database import Database
from headrace.store.errors import MissingError, StateError
from headrace.store.tables import STREAM_KEYS

MAX_LABEL_CHARACTERS: Final = 64


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """One stream key.

    Attributes:
        key_id: Its number, which no other key ever has.
        channel_id: The channel that it opens.
        label: What it is for, in its owner's words.
        created_unix_s: When it was made.
        revoked_unix_s: When it was revoked, None while it opens the channel.
    """

    key_id: int
    channel_id: str
    label: str
    created_unix_s: int
    revoked_unix_s: int | None


class KeyRecords:
    """The stream keys that a database has.

    Args:
        database: Which one.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_channel(self, channel_id: str) -> list[KeyRecord]:
        """Return the keys of a channel, those that were revoked too, by their numbers.

        Raises:
            StateError: There is no such channel, or the state cannot be read.
        """
        wanted = (
            select(
                STREAM_KEYS.c.key_id,
                STREAM_KEYS.c.channel_id,
                STREAM_KEYS.c.label,
                STREAM_KEYS.c.created_unix_s,
                STREAM_KEYS.c.revoked_unix_s,
            )
            .where(STREAM_KEYS.c.channel_id == channel_id)
            .order_by(STREAM_KEYS.c.key_id)
        )
        with self._database.reading() as connection:
            check_channel_exists(connection, channel_id)
            return [KeyRecord(*row) for row in connection.execute(wanted)]

    def list_all(self) -> list[KeyRecord]:
        """Return the keys of all channels, those that were revoked too, by channels and numbers.

        Raises:
            StateError: The state cannot be read.
        """
        columns = (
            STREAM_KEYS.c[name] for name in ("key_id", "channel_id", "label", "created_unix_s", "revoked_unix_s")
        )
        wanted = select(*columns).order_by(STREAM_KEYS.c.channel_id, STREAM_KEYS.c.key_id)
        with self._database.reading() as connection:
            return [KeyRecord(*row) for row in connection.execute(wanted)]

    def add(self, channel_id: str, key: str, label: str = "") -> int:
        """Let ``key`` open a channel; return its number.

        Raises:
            StateError: There is no such channel, or the state cannot be written.
        """
        with self._database.writing() as connection:
            check_channel_exists(connection, channel_id)
            return add_key(connection, channel_id, key, label)

    def revoke(self, channel_id: str, key_id: int) -> None:
        """Let a key open its channel no more; one that was revoked before stays so.

        Raises:
            StateError: The channel has no such key, or the state cannot be written.
        """
        with self._database.writing() as connection:
            check_channel_exists(connection, channel_id)
            mine = (STREAM_KEYS.c.channel_id == channel_id) & (STREAM_KEYS.c.key_id == key_id)
            if connection.execute(select(STREAM_KEYS.c.key_id).where(mine)).first() is None:
                raise MissingError(
                    f"channel {channel_id} has no key {key_id}: "
                    f"'headrace keys list {channel_id}' shows those that it has"
                )
            _revoke(connection, mine & STREAM_KEYS.c.revoked_unix_s.is_(None))

    def revoke_all(self, channel_id: str) -> int:
        """Let no key open a channel any more; return how many there were.

        Raises:
            StateError: There is no such channel, or the state cannot be written.
        """
        with self._database.writing() as connection:
            check_channel_exists(connection, channel_id)
            return _revoke(
                connection, (STREAM_KEYS.c.channel_id == channel_id) & STREAM_KEYS.c.revoked_unix_s.is_(None)
            )


def add_key(connection: Connection, channel_id: str, key: str, label: str) -> int:
    """Let ``key`` open a channel, in a transaction that writes; return its number.

    Raises:
        StateError: The label is too long.
    """
    if len(label) > MAX_LABEL_CHARACTERS:
        raise StateError(f"a label has at most {MAX_LABEL_CHARACTERS} characters, this one has {len(label)}")
    added = insert(STREAM_KEYS).values(
        channel_id=channel_id,
        digest_hex=hash_stream_key(key).hex(),
        label=label,
        created_unix_s=int(time.time()),
    )
    return int(connection.execute(added.returning(STREAM_KEYS.c.key_id)).scalar_one())


def _revoke(connection: Connection, which: ColumnElement[bool]) -> int:
    done = connection.execute(update(STREAM_KEYS).where(which).values(revoked_unix_s=int(time.time())))
    return done.rowcount
