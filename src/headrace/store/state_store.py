"""A state: its channels, keys and issuers, and the directory that a broker makes of them.

::

    with StateStore(parse_location("")) as store:
        store.channels.add(ChannelRule("live"))
"""

from types import TracebackType
from typing import Self

from headrace.access.channel_rule import ChannelRule
from headrace.access.directory import Directory
from headrace.store.admin_token_records import AdminTokenRecords
from headrace.store.channel_records import ChannelRecords, add_channel
from headrace.store.chat_records import ChatRecords
from headrace.store.database import Database, read_revision
from headrace.store.directory_rows import read_directory, read_known_revision
from headrace.store.key_records import KeyRecords, add_key
from headrace.store.location import StateLocation
from headrace.store.token_key_records import TokenKeyRecords


class StateStore:
    """An open state. It may be used by one thread at a time, whichever that is.

    Args:
        location: Where it is; made there if it is missing.

    Attributes:
        channels: Its channels.
        keys: Its stream keys.
        token_keys: What tokens are signed and checked with.
        admin_tokens: What opens the half of the HTTP API that changes things.
        chat: What was said in the channels.

    Raises:
        StateError: It cannot be used; nothing was changed.
    """

    def __init__(self, location: StateLocation) -> None:
        self._where = str(location)
        self._database = Database(location)
        self.channels = ChannelRecords(self._database)
        self.keys = KeyRecords(self._database)
        self.token_keys = TokenKeyRecords(self._database)
        self.admin_tokens = AdminTokenRecords(self._database)
        self.chat = ChatRecords(self._database)

    def revision(self) -> int:
        """Return how often it was written: 0 if it is new.

        Raises:
            StateError: It cannot be read, or is of another version by now.
        """
        with self._database.reading() as connection:
            return read_known_revision(connection.exec_driver_sql, self._where)

    def directory(self, *, is_open: bool = False) -> Directory:
        """Return who may do what.

        Args:
            is_open: Whether anybody may publish.

        Raises:
            StateError: It cannot be read, or is of another version by now.
        """
        with self._database.reading() as connection:
            return read_directory(connection.exec_driver_sql, self._where, is_open=is_open)

    def begin(self, rule: ChannelRule, key: str, label: str) -> bool:
        """Add a first channel and its key if nothing was ever written; return whether that was so.

        Raises:
            StateError: It cannot be read or written.
        """
        if self.revision():
            return False
        with self._database.writing() as connection:
            # Another process may have begun it meanwhile: then this write is one too many, and says nothing.
            is_first = read_revision(connection) == 1
            if is_first:
                add_channel(connection, rule)
                add_key(connection, rule.channel_id, key, label)
        return is_first

    def close(self) -> None:
        """Close its connections."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
