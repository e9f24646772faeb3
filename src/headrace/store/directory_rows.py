"""What a broker reads of a state: a few queries that SQLite and Postgres both take as they are.

They are text, so that `StateStore` asks them through SQLAlchemy, and `StateReader` without.
"""

from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeAlias

from headrace.access.channel_rule import ChannelRule, Visibility
from headrace.access.directory import Directory, KeyEntry, TokenKey
from headrace.store.errors import StateError
from headrace.store.schema import SCHEMA_VERSION
from headrace.store.wording import other_version

Execute: TypeAlias = Callable[[str], Iterable[Sequence[Any]]]
"""Runs a query and returns its rows."""

_STATE: Final = "SELECT schema_version, revision FROM headrace_state"
_CHANNELS: Final = "SELECT channel_id, visibility, passphrase, is_encryption_enforced FROM headrace_channels"
_KEYS: Final = "SELECT key_id, channel_id, digest_hex FROM headrace_stream_keys WHERE revoked_unix_s IS NULL"
_TRUSTED: Final = (
    'SELECT issuer, audience, key_id, algorithm, "key" FROM headrace_token_keys'
    " ORDER BY issuer, created_unix_s, key_id"
)


def read_versions(execute: Execute) -> tuple[int, int]:
    """Return the version of the schema, and how often the state was written."""
    [(schema_version, revision)] = execute(_STATE)
    return int(schema_version), int(revision)


def read_known_revision(execute: Execute, where: str) -> int:
    """Return how often the state was written, if it is of the version that is read here.

    A state that was of it at the start may be of another one later: a backup was put in its place, or another
    Headrace has brought it up to date.

    Args:
        execute: Runs the query.
        where: The state is, for the error.

    Raises:
        StateError: It is of another version.
    """
    schema_version, revision = read_versions(execute)
    if schema_version != SCHEMA_VERSION:
        raise StateError(other_version(where, schema_version, SCHEMA_VERSION))
    return revision


def read_directory(execute: Execute, where: str, *, is_open: bool) -> Directory:
    """Return who may do what.

    Args:
        execute: Runs the queries, so that all of them see one moment.
        where: The state is, for errors.
        is_open: Whether anybody may publish.

    Raises:
        StateError: It is of another version.
        ValueError: There is a row that this program has not written.
    """
    revision = read_known_revision(execute, where)
    rules = [
        ChannelRule(channel_id, Visibility(visibility), passphrase, bool(is_enforced))
        for channel_id, visibility, passphrase, is_enforced in execute(_CHANNELS)
    ]
    keys = [
        KeyEntry(key_id, channel_id, bytes.fromhex(digest_hex))
        for key_id, channel_id, digest_hex in execute(_KEYS)
    ]
    token_keys = [
        TokenKey(issuer, audience, key_id, algorithm, urlsafe_b64decode(key))
        for issuer, audience, key_id, algorithm, key in execute(_TRUSTED)
    ]
    return Directory.of(revision, rules, keys, token_keys, is_open=is_open)
