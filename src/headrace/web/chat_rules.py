"""What may be said in a chat, under which names, and how fast.

What is said is plain text: it leaves as text in JSON, and a page shows it as text. What could hide or forge other
text is taken out: control characters, and those that turn the direction of writing.

Source: Unicode, UAX 9 (explicit directional characters) and "Trojan Source" (CVE-2021-42574).
"""

import re
import unicodedata
from typing import Final

from headrace.base.token_bucket import TokenBucket

MAX_NAME_CHARACTERS: Final = 32
MAX_TEXT_CHARACTERS: Final = 500
MAX_TIMES_AS_LONG: Final = 4
"""More than so many times what is shown is not looked at, whatever would be left of it."""
MAX_MARKS_IN_A_ROW: Final = 3
"""Combining marks on one letter: more of them run over other people's lines."""

_WORD_BREAKS: Final = re.compile(r"\s+")
_FORBIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_JOINERS: Final = "\u200c\u200d"
"""Format characters that Persian, Indian scripts and emoji need."""


def clean_text(text: str) -> str | None:
    """Return what is shown of ``text``, which may be anything: one line; None if it is too long.

    That is more than `MAX_TEXT_CHARACTERS`, or so much before it is cleaned that it is not looked at.
    """
    if len(text) > MAX_TIMES_AS_LONG * MAX_TEXT_CHARACTERS:
        return None
    said = _clean(text)
    return said if len(said) <= MAX_TEXT_CHARACTERS else None


def clean_name(name: str) -> str:
    """Return what is shown of ``name``, which may be anything; empty where nothing is left.

    It is cut to `MAX_NAME_CHARACTERS`: whoever has it is told under which name it speaks.
    Joiners are taken out too: two names that look the same are the same.
    """
    joined = name.translate(dict.fromkeys(map(ord, _JOINERS))).replace("/", "")
    cleaned = _clean(joined[: MAX_TIMES_AS_LONG * MAX_NAME_CHARACTERS])[:MAX_NAME_CHARACTERS]
    return unicodedata.normalize("NFKC", cleaned)[:MAX_NAME_CHARACTERS].replace("/", "").strip()


def _clean(text: str) -> str:
    one_line = _WORD_BREAKS.sub(" ", unicodedata.normalize("NFC", text)).strip()
    kept: list[str] = []
    marks = 0
    for character in one_line:
        category = unicodedata.category(character)
        marks = marks + 1 if category in {"Mn", "Me"} else 0
        is_forbidden = category in _FORBIDDEN and character not in _JOINERS
        if not is_forbidden and marks <= MAX_MARKS_IN_A_ROW:
            kept.append(character)
    return "".join(kept).strip()


class ChatRates:
    """How fast may be spoken: by one person, and in one room."""

    PERSON_PER_SECOND: Final = 1
    PERSON_AT_ONCE: Final = 5
    ROOM_PER_SECOND: Final = 20
    ROOM_AT_ONCE: Final = 60
    HOST_PER_SECOND: Final = 3
    HOST_AT_ONCE: Final = 15
    """A school class behind one address."""

    @classmethod
    def of_person(cls) -> TokenBucket:
        """Return what one person may say."""
        return TokenBucket(cls.PERSON_PER_SECOND, cls.PERSON_AT_ONCE)

    @classmethod
    def of_host(cls) -> TokenBucket:
        """Return what all of one host may say."""
        return TokenBucket(cls.HOST_PER_SECOND, cls.HOST_AT_ONCE)

    @classmethod
    def of_room(cls) -> TokenBucket:
        """Return what all in a room may say."""
        return TokenBucket(cls.ROOM_PER_SECOND, cls.ROOM_AT_ONCE)
