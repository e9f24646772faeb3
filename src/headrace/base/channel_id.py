"""What a channel id may look like: the producer's id that people type, and that becomes part of file names."""

import re
from typing import Final

from headrace.base.errors import ChannelIdError
from headrace.base.stream_key import KEY_PREFIX, hide_stream_keys

MAX_CHANNEL_ID_CHARACTERS: Final = 64
"""Leaves room for user and session keys in a stream id of 512 bytes, and for a suffix in a file name."""

TOKEN_PREFIX: Final = "eyJ"  # noqa: S105 - no password
"""Base64 of ``{"``, with which the header of every JWT begins."""

_CHANNEL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]*")


def check_channel_id(text: str) -> str:
    """Return ``text`` if it can name a channel.

    An id has 1 to 64 characters from ``A-Z a-z 0-9 . _ ~ -`` and starts with a letter or a digit, so that it
    can stand in a URL and in a file name as it is. It does not begin as stream keys and tokens do, so that what is
    typed in the wrong place names no channel, and stands in no log.

    Raises:
        ChannelIdError: It cannot; the message says why.
    """
    if text.lower().startswith(KEY_PREFIX):
        raise ChannelIdError(
            f"a stream key stands where a channel id should: an id does not begin with {KEY_PREFIX}"
        )
    if text.startswith(TOKEN_PREFIX):
        raise ChannelIdError(f"a token stands where a channel id should: an id does not begin with {TOKEN_PREFIX}")
    if not text:
        raise ChannelIdError("a channel id is missing: give one such as 1AAA99")
    if len(text) > MAX_CHANNEL_ID_CHARACTERS:
        raise ChannelIdError(
            f"a channel id has at most {MAX_CHANNEL_ID_CHARACTERS} characters, this one has {len(text)}"
        )
    if not _CHANNEL_ID.fullmatch(text):
        raise ChannelIdError(
            f"{hide_stream_keys(text)!r} is not a channel id: "
            "use letters, digits and . _ ~ - only, a letter or digit first"
        )
    return text
