"""What Headrace says about a picture beside the picture, and how that is an ID3 tag.

A title is TIT2, each fact a TXXX, ``data`` a TXXX called "application/json", and the capture time a PRIV of
our own: so any player that shows Timed ID3 shows the title and the facts too.

Source: Apple, "Timed Metadata for HTTP Live Streaming"; id3.org, ID3v2.4.0.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, TypeAlias, cast

from headrace.mpegts.id3 import Id3Frame, PrivateFrame, TextFrame, UserTextFrame, decode_id3, encode_id3

JsonValue: TypeAlias = "str | int | float | bool | list[JsonValue] | dict[str, JsonValue] | None"

JSON_DESCRIPTION: Final = "application/json"
CAPTURE_TIME_OWNER: Final = "headrace.capture-time"
MAX_CAPTURE_UNIX_US: Final = (1 << 63) - 1
_NO_FACTS: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Metadata:
    """One tag.

    Attributes:
        title: What is shown.
        facts: Named texts, such as ``{"place": "bridge"}``.
        data: A JSON object for programs.
        capture_unix_us: When the picture of the same presentation time was taken, microseconds since the
            Unix epoch.
    """

    title: str | None = None
    facts: Mapping[str, str] = field(default_factory=lambda: _NO_FACTS)
    data: Mapping[str, JsonValue] | None = None
    capture_unix_us: int | None = None

    def __bool__(self) -> bool:
        """Tell whether it says anything."""
        return bool(self.title is not None or self.facts or self.data is not None) or (
            self.capture_unix_us is not None
        )


def encode_metadata(metadata: Metadata) -> bytes:
    """Return ``metadata`` as an ID3v2.4 tag.

    Raises:
        ValueError: It is too long for one tag, a fact has the reserved name "application/json", the capture
            time is not in 64 bits, or ``data`` is not JSON (`TypeError` where a value has no JSON form).
    """
    frames: list[Id3Frame] = []
    if metadata.title is not None:
        frames.append(TextFrame("TIT2", metadata.title))
    for name, text in metadata.facts.items():
        if name == JSON_DESCRIPTION:
            raise ValueError(f"a fact cannot be called {JSON_DESCRIPTION!r}: that is the name of data")
        frames.append(UserTextFrame(name, text))
    if metadata.data is not None:
        text = json.dumps(dict(metadata.data), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
        frames.append(UserTextFrame(JSON_DESCRIPTION, text))
    if metadata.capture_unix_us is not None:
        if not 0 <= metadata.capture_unix_us <= MAX_CAPTURE_UNIX_US:
            raise ValueError(f"capture time {metadata.capture_unix_us} us is not after 1970 and in 63 bits")
        frames.append(PrivateFrame(CAPTURE_TIME_OWNER, metadata.capture_unix_us.to_bytes(8, "big")))
    return encode_id3(frames)


def decode_metadata(tag: bytes) -> Metadata:
    """Return what can be understood of a tag of any writer.

    Text frames other than the title become facts under their frame id, such as ``TPE1``. JSON that is not an
    object, and a capture time that is none, are left out.

    Raises:
        PacketError: It is not an ID3 tag.
    """
    title: str | None = None
    facts: dict[str, str] = {}
    data: Mapping[str, JsonValue] | None = None
    capture_unix_us: int | None = None
    for frame in decode_id3(tag):
        match frame:
            case TextFrame("TIT2", text):
                title = text
            case UserTextFrame("application/json", text):
                data = _decode_object(text, data)
            case TextFrame(name, text) | UserTextFrame(name, text):
                facts[name] = text
            case PrivateFrame("headrace.capture-time", content) if len(content) == 8 and content[0] < 0x80:
                capture_unix_us = int.from_bytes(content, "big")
            case PrivateFrame():
                pass
    return Metadata(title, facts, data, capture_unix_us)


def _decode_object(text: str, otherwise: Mapping[str, JsonValue] | None) -> Mapping[str, JsonValue] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        # RecursionError: brackets nested deeper than Python's stack, which only an attacker writes.
        return otherwise
    return cast("Mapping[str, JsonValue]", value) if isinstance(value, dict) else otherwise
