"""One line of a channel's chat, as it is kept."""

from dataclasses import dataclass
from typing import Final

MAX_LINES: Final = 200
"""Kept of each channel, the newest."""


@dataclass(frozen=True, slots=True)
class ChatRecord:
    """One line.

    Attributes:
        line_id: Grows; no other line of its channel has it.
        unix_ms: When it was said.
        name: Who said it.
        text: What.
        role: ``producer`` or ``operator``, or None.
    """

    line_id: int
    unix_ms: int
    name: str
    text: str
    role: str | None
