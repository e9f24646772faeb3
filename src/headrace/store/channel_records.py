"""The channels of a state."""

import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update
from sqlalchemy.sql import Select

from headrace.access.channel_rule import ChannelRule, Visibility
from headrace.base.channel_id import check_channel_id
from headrace.store.chat_records import remove_chat, rename_chat
from headrace.store.database import Database
from headrace.store.errors import ConflictError, MissingError
from headrace.store.tables import CHANNELS, STREAM_KEYS


@dataclass(frozen=True, slots=True)
class ChannelRecord:
    """One channel.

    Attributes:
        rule: What is set for it.
        created_unix_s: When it was added.
        keys: How many keys open it, those that were revoked left out.
    """

    rule: ChannelRule
    created_unix_s: int
    keys: int


class ChannelRecords:
    """The channels that a database has.

    Args:
        database: Which one.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def list_all(self) -> list[ChannelRecord]:
        """Return all channels by their ids.

        Raises:
            StateError: The state cannot be read.
        """
        with self._database.reading() as connection:
            return [_record(row) for row in connection.execute(_channels().order_by(CHANNELS.c.channel_id))]

    def find(self, channel_id: str) -> ChannelRecord:
        """Return one channel.

        Raises:
            StateError: There is none with this id, or the state cannot be read.
        """
        with self._database.reading() as connection:
            row = connection.execute(_channels().where(CHANNELS.c.channel_id == channel_id)).one_or_none()
        if row is None:
            raise no_channel(channel_id)
        return _record(row)

    def add(self, rule: ChannelRule) -> None:
        """Add a channel.

        Raises:
            StateError: There is one with this id, or the state cannot be written.
        """
        with self._database.writing() as connection:
            add_channel(connection, rule)

    def change(self, rule: ChannelRule) -> None:
        """Set anew what is set for a channel.

        Raises:
            StateError: There is none with this id, or the state cannot be written.
        """
        values = _values(rule)
        with self._database.writing() as connection:
            check_channel_exists(connection, rule.channel_id)
            connection.execute(update(CHANNELS).where(CHANNELS.c.channel_id == rule.channel_id).values(values))

    def show_to(self, channel_id: str, visibility: Visibility) -> ChannelRecord:
        """Set who may watch a channel, and nothing else; return it.

        Raises:
            StateError: There is no such channel, or the state cannot be written.
        """
        with self._database.writing() as connection:
            check_channel_exists(connection, channel_id)
            mine = CHANNELS.c.channel_id == channel_id
            connection.execute(update(CHANNELS).where(mine).values(visibility=visibility.value))
        return self.find(channel_id)

    def rename(self, channel_id: str, new_id: str) -> None:
        """Give a channel another id; its keys open it under that one.

        Raises:
            ChannelIdError: The new id cannot be one.
            StateError: There is no such channel, the new id is taken, or the state cannot be written.
        """
        check_channel_id(new_id)
        with self._database.writing() as connection:
            check_channel_exists(connection, channel_id)
            _check_is_free(connection, new_id)
            renamed = update(CHANNELS).where(CHANNELS.c.channel_id == channel_id).values(channel_id=new_id)
            connection.execute(renamed)
            rename_chat(connection, channel_id, new_id)

    def remove(self, channel_id: str) -> None:
        """Remove a channel, its keys and its chat.

        Raises:
            StateError: There is no such channel, or the state cannot be written.
        """
        with self._database.writing() as connection:
            check_channel_exists(connection, channel_id)
            connection.execute(delete(CHANNELS).where(CHANNELS.c.channel_id == channel_id))
            remove_chat(connection, channel_id)


def add_channel(connection: Connection, rule: ChannelRule) -> None:
    """Add a channel in a transaction that writes.

    Raises:
        StateError: There is one with this id.
    """
    _check_is_free(connection, rule.channel_id)
    connection.execute(insert(CHANNELS).values(_values(rule) | {"created_unix_s": int(time.time())}))


def check_channel_exists(connection: Connection, channel_id: str) -> None:
    """Make sure that there is a channel.

    Raises:
        StateError: There is none with this id.
    """
    if not _exists(connection, channel_id):
        raise no_channel(channel_id)


def no_channel(channel_id: str) -> MissingError:
    """Return what is said of a channel that is not there."""
    return MissingError(
        f"there is no channel {channel_id}: 'headrace channels list' shows those there are, "
        f"'headrace channels add {channel_id}' makes it"
    )


def _check_is_free(connection: Connection, channel_id: str) -> None:
    if _exists(connection, channel_id):
        raise ConflictError(
            f"there is a channel {channel_id} already: choose another id, "
            f"or 'headrace channels set {channel_id}' changes it"
        )


def _exists(connection: Connection, channel_id: str) -> bool:
    found = connection.execute(select(CHANNELS.c.channel_id).where(CHANNELS.c.channel_id == channel_id))
    return found.first() is not None


def _channels() -> Select[Any]:
    keys = (
        select(func.count())
        .where(STREAM_KEYS.c.channel_id == CHANNELS.c.channel_id, STREAM_KEYS.c.revoked_unix_s.is_(None))
        .correlate(CHANNELS)
        .scalar_subquery()
    )
    return select(
        CHANNELS.c.channel_id,
        CHANNELS.c.visibility,
        CHANNELS.c.passphrase,
        CHANNELS.c.is_encryption_enforced,
        CHANNELS.c.created_unix_s,
        keys,
    )


def _record(row: Row[Any]) -> ChannelRecord:
    channel_id, visibility, passphrase, is_enforced, created_unix_s, keys = tuple(row)
    return ChannelRecord(
        ChannelRule(channel_id, Visibility(visibility), passphrase, is_enforced), created_unix_s, keys
    )


def _values(rule: ChannelRule) -> dict[str, object]:
    return {
        "channel_id": rule.channel_id,
        "visibility": rule.visibility.value,
        "passphrase": rule.passphrase,
        "is_encryption_enforced": rule.is_encryption_enforced,
    }
