"""What was said in the chats of channels, and whose names are muted there.

A line here makes no new revision of the state: brokers do not read who may do what again because somebody spoke.
"""

import time
from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, select, update

from headrace.store.chat_line import MAX_LINES, ChatRecord
from headrace.store.database import Database
from headrace.store.tables import CHAT_LINES, CHAT_MUTES


class ChatRecords:
    """The chats that a database has.

    Args:
        database: Which one.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def lines(self, channel_id: str) -> list[ChatRecord]:
        """Return the newest `MAX_LINES` lines of a channel, oldest first.

        Raises:
            StateError: The state cannot be read.
        """
        columns = (
            CHAT_LINES.c.line_id,
            CHAT_LINES.c.unix_ms,
            CHAT_LINES.c.name,
            CHAT_LINES.c.text,
            CHAT_LINES.c.role,
        )
        wanted = (
            select(*columns)
            .where(CHAT_LINES.c.channel_id == channel_id)
            .order_by(CHAT_LINES.c.line_id.desc())
            .limit(MAX_LINES)
        )
        with self._database.reading() as connection:
            return [ChatRecord(*row) for row in connection.execute(wanted)][::-1]

    def keep(self, channel_id: str, records: Sequence[ChatRecord]) -> None:
        """Keep lines that were said, and forget those that are too many.

        Raises:
            StateError: The state cannot be written.
        """
        if not records:
            return
        rows = [
            {
                "channel_id": channel_id,
                "line_id": one.line_id,
                "unix_ms": one.unix_ms,
                "name": one.name,
                "text": one.text,
                "role": one.role,
            }
            for one in records
        ]
        with self._database.noting() as connection:
            connection.execute(insert(CHAT_LINES), rows)
            _forget_old(connection, channel_id)

    def remove(self, channel_id: str, line_id: int) -> None:
        """Remove a line; one that is not there is passed over.

        Raises:
            StateError: The state cannot be written.
        """
        mine = (CHAT_LINES.c.channel_id == channel_id) & (CHAT_LINES.c.line_id == line_id)
        with self._database.noting() as connection:
            connection.execute(delete(CHAT_LINES).where(mine))

    def muted(self, channel_id: str) -> list[str]:
        """Return the names that are muted in a channel, in their order.

        Raises:
            StateError: The state cannot be read.
        """
        wanted = select(CHAT_MUTES.c.name).where(CHAT_MUTES.c.channel_id == channel_id).order_by(CHAT_MUTES.c.name)
        with self._database.reading() as connection:
            return [name for (name,) in connection.execute(wanted)]

    def set_muted(self, channel_id: str, name: str, *, is_muted: bool) -> None:
        """Mute a name in a channel, or let it speak again.

        Raises:
            StateError: The state cannot be written.
        """
        mine = (CHAT_MUTES.c.channel_id == channel_id) & (CHAT_MUTES.c.name == name)
        with self._database.noting() as connection:
            connection.execute(delete(CHAT_MUTES).where(mine))
            if is_muted:
                values = {"channel_id": channel_id, "name": name, "created_unix_s": int(time.time())}
                connection.execute(insert(CHAT_MUTES).values(values))


def _forget_old(connection: Connection, channel_id: str) -> None:
    mine = CHAT_LINES.c.channel_id == channel_id
    newest = select(CHAT_LINES.c.line_id).where(mine).order_by(CHAT_LINES.c.line_id.desc())
    oldest = connection.execute(newest.offset(MAX_LINES - 1).limit(1)).scalar_one_or_none()
    if oldest is not None:
        connection.execute(delete(CHAT_LINES).where(mine & (CHAT_LINES.c.line_id < oldest)))


def rename_chat(connection: Connection, channel_id: str, new_id: str) -> None:
    """Let the chat of a channel follow it to its new id, where there may be one of before."""
    remove_chat(connection, new_id)
    for table in (CHAT_LINES, CHAT_MUTES):
        connection.execute(update(table).where(table.c.channel_id == channel_id).values(channel_id=new_id))


def remove_chat(connection: Connection, channel_id: str) -> None:
    """Forget the chat of a channel."""
    for table in (CHAT_LINES, CHAT_MUTES):
        connection.execute(delete(table).where(table.c.channel_id == channel_id))
