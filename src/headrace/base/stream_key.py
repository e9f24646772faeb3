"""What a stream key looks like: `KEY_PREFIX` and 160 random bits in base32, so that no channel id can be one.

A prefix lets programs that look for leaked secrets find keys, and lets a whole stream id be a key alone.
"""

import re
from typing import Final

KEY_PREFIX: Final = "hrk_"
KEY_RANDOM_BYTES: Final = 20
"""160 bits: nobody guesses them, so a key needs no slow hash."""
KEY_CHARACTERS: Final = len(KEY_PREFIX) + KEY_RANDOM_BYTES * 8 // 5

_KEY: Final = re.compile(f"{KEY_PREFIX}[a-z2-7]{{{KEY_CHARACTERS - len(KEY_PREFIX)}}}")
_KEY_ANYWHERE: Final = re.compile(f"{KEY_PREFIX}[a-z2-7]+", re.IGNORECASE)


def is_stream_key(text: str) -> bool:
    """Return whether ``text`` has the form of a stream key, whether or not it opens anything."""
    return _KEY.fullmatch(text) is not None


def hide_stream_keys(text: str) -> str:
    """Return ``text`` with ``***`` for all but the prefix of each stream key, or beginning of one, in it."""
    return _KEY_ANYWHERE.sub(f"{KEY_PREFIX}***", text)
