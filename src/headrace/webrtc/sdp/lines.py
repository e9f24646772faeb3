"""The text of a session description: lines in sections, with limits for what a stranger sends.

Source: RFC 8866, 5 (lines), 5.13 (attributes), 9 (grammar).
"""

from dataclasses import dataclass, field
from typing import Final

from headrace.base.errors import HeadraceError

MAX_SDP_BYTES: Final = 65_536
"""Chromium's offer with all its codecs and 30 candidates has 12 KB."""
MAX_LINES: Final = 2_000
MAX_SECTIONS: Final = 16
"""Media sections; a broadcast has two."""
MAX_LINE_CHARACTERS: Final = 4_096


class SdpError(HeadraceError):
    """A session description that cannot be taken; the text says to a person what to change.

    Attributes:
        reason: Short snake_case word, under which it is counted.
    """

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Section:
    """The lines from one ``m=`` to the next, or those before the first.

    Attributes:
        media: What stands behind ``m=``; empty for the session's own lines.
        attributes: Name and value of each ``a=`` line, in order; the value is empty where there is no colon.
    """

    media: str
    attributes: list[tuple[str, str]] = field(default_factory=list)

    def first(self, name: str) -> str | None:
        """Return the value of the first attribute of a name, or None."""
        return next((value for known, value in self.attributes if known == name), None)

    def all(self, name: str) -> list[str]:
        """Return the values of all attributes of a name."""
        return [value for known, value in self.attributes if known == name]

    def has(self, name: str) -> bool:
        """Return whether there is an attribute of a name."""
        return self.first(name) is not None


def decode_sections(text: str, *, fragment: bool = False) -> list[Section]:
    """Return the session's own section and those of the media.

    Args:
        text: Lines that end with CR LF or LF.
        fragment: Lines of a trickle ICE fragment, which has no ``v=`` line.

    Raises:
        SdpError: ``sdp_too_long``, ``not_sdp`` or ``too_many_sections``.
    """
    if len(text) > MAX_SDP_BYTES:
        raise SdpError("sdp_too_long", f"The session description is longer than {MAX_SDP_BYTES} characters.")
    lines = text.splitlines()
    if len(lines) > MAX_LINES or any(len(line) > MAX_LINE_CHARACTERS for line in lines):
        raise SdpError("sdp_too_long", f"The session description has over {MAX_LINES} lines, or very long ones.")
    if not fragment and not (lines and lines[0].startswith("v=0")):
        raise SdpError("not_sdp", "The body is no session description: it has to begin with v=0 (RFC 8866).")
    sections = [Section("")]
    for line in lines:
        kind, _, value = line.partition("=")
        if kind == "m":
            sections.append(Section(value))
            if len(sections) > MAX_SECTIONS + 1:
                raise SdpError("too_many_sections", f"There are over {MAX_SECTIONS} media sections.")
        elif kind == "a":
            name, _, content = value.partition(":")
            sections[-1].attributes.append((name, content.strip()))
    return sections


def decode_number(text: str, *, most: int) -> int | None:
    """Return a decimal number from 0 to ``most``, or None if the text is none."""
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        return None
    number = int(text)
    return number if number <= most else None
