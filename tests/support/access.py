"""Channels, keys and tokens for tests."""

from dataclasses import replace
from typing import Final

from tests.support.broker_world import START_UNIX_US

from headrace.access.ask import Verb
from headrace.access.channel_rule import ChannelRule, Visibility
from headrace.access.directory import Directory, KeyEntry, TokenKey
from headrace.access.stream_keys import hash_stream_key, make_stream_key
from headrace.access.tokens import sign_token

TOKEN_SECRET: Final = b"0123456789abcdef0123456789abcdef"
TOKEN_KEY: Final = TokenKey("studio", "headrace", "k1", "HS256", TOKEN_SECRET)
KEYS: Final = {name: make_stream_key(name.encode().ljust(20)) for name in ("cam1", "cam2", "private")}
"""The stream key of each channel."""
UNKNOWN_KEY: Final = make_stream_key(bytes(20))
PRIVATE: Final = ChannelRule("private", Visibility.PRIVATE)


def closed_directory(*rules: ChannelRule, keys: tuple[str, ...] = tuple(KEYS)) -> Directory:
    """Return one with public channels ``cam1`` and ``cam2`` and a private one, and the keys of ``keys``.

    Args:
        rules: In place of those with the same ids, or besides.
        keys: The channels whose keys are known.
    """
    entries = [KeyEntry(1 + at, name, hash_stream_key(KEYS[name])) for at, name in enumerate(KEYS) if name in keys]
    defaults = [ChannelRule("cam1"), ChannelRule("cam2"), PRIVATE]
    return Directory.of(1, [*defaults, *rules], entries, [TOKEN_KEY])


def without_channel(directory: Directory, channel_id: str) -> Directory:
    """Return ``directory`` after the removal of a channel."""
    channels = {name: rule for name, rule in directory.channels.items() if name != channel_id}
    return replace(directory, channels=channels)


def token(
    channel_id: str = "private", verb: Verb = Verb.REQUEST, *, seconds: float = 60, start_us: int = START_UNIX_US
) -> str:
    """Return a token that expires so many seconds after ``start_us`` of the wall clock."""
    expires_unix_s = start_us // 1_000_000 + round(seconds)
    return sign_token(TOKEN_KEY, TOKEN_SECRET, channel_id, verb, expires_unix_s=expires_unix_s)
