"""The demo's own channels and keys, in a state that goes when it ends."""

from collections.abc import Iterable
from pathlib import Path

from headrace.access.channel_rule import ChannelRule
from headrace.access.stream_keys import make_stream_key
from headrace.base.stream_key import KEY_RANDOM_BYTES
from headrace.cli.state import open_state
from headrace.netio.entropy import random_bytes


def make_demo_state(folder: Path, channel_ids: Iterable[str]) -> dict[str, str]:
    """Make a state in ``folder`` with these channels, and return a new key for each.

    Raises:
        StateError: It cannot be made.
    """
    keys = {channel_id: make_stream_key(random_bytes(KEY_RANDOM_BYTES)) for channel_id in channel_ids}
    with open_state(str(folder)) as store:
        for channel_id, key in keys.items():
            store.channels.add(ChannelRule(channel_id))
            store.keys.add(channel_id, key, "demo")
    return keys
