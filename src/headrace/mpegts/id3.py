"""ID3v2.4 tags as timed metadata carries them: text, named text and private frames.

Source: id3.org, "ID3 tag version 2.4.0 - Main Structure" and "- Native Frames" (4.2, 4.27).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from headrace.base.errors import PacketError

MAX_TAG_BYTES: Final = 60_000
"""A tag travels in one PES packet, whose length field has 16 bits."""
MAX_FRAMES: Final = 256
UTF8_ENCODING: Final = 3
_CODECS: Final = ("latin-1", "utf-16", "utf-16-be", "utf-8")
_FRAME_FLAGS_WE_CANNOT_UNDO: Final = 0x0C
"""Compression and encryption of a frame."""


@dataclass(frozen=True, slots=True)
class TextFrame:
    """A text frame such as TIT2, the title."""

    frame_id: str
    text: str


@dataclass(frozen=True, slots=True)
class UserTextFrame:
    """TXXX: text under a description of one's own."""

    description: str
    text: str


@dataclass(frozen=True, slots=True)
class PrivateFrame:
    """PRIV: bytes under the name of their owner."""

    owner: str
    content: bytes


Id3Frame: TypeAlias = TextFrame | UserTextFrame | PrivateFrame


def _encode_synchsafe(number: int) -> bytes:
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


def _decode_synchsafe(data: bytes) -> int:
    if any(byte & 0x80 for byte in data):
        raise PacketError("bad_id3_size")
    return data[0] << 21 | data[1] << 14 | data[2] << 7 | data[3]


def _encode_frame(frame: Id3Frame) -> bytes:
    match frame:
        case TextFrame(frame_id, text):
            name, content = frame_id, bytes([UTF8_ENCODING]) + _encode_text(text)
        case UserTextFrame(description, text):
            name = "TXXX"
            content = bytes([UTF8_ENCODING]) + _encode_text(description) + b"\0" + _encode_text(text)
        case PrivateFrame(owner, private):
            name, content = "PRIV", owner.encode("latin-1") + b"\0" + private
    return name.encode("ascii") + _encode_synchsafe(len(content)) + b"\0\0" + content


def _encode_text(text: str) -> bytes:
    """Return UTF-8. A NUL would end the text early, and half a surrogate pair has no UTF-8."""
    return text.replace("\0", "").encode("utf-8", "replace")


def encode_id3(frames: Iterable[Id3Frame]) -> bytes:
    """Return one tag with these frames.

    Raises:
        ValueError: It is over `MAX_TAG_BYTES`.
    """
    body = b"".join(_encode_frame(frame) for frame in frames)
    if len(body) + 10 > MAX_TAG_BYTES:
        raise ValueError(f"metadata of {len(body) + 10} bytes is over {MAX_TAG_BYTES}: send less at once")
    return b"ID3\x04\x00\x00" + _encode_synchsafe(len(body)) + body


def decode_id3(tag: bytes) -> list[Id3Frame]:
    """Decode the frames of a tag that are understood: text, TXXX and PRIV of versions 2.3 and 2.4.

    Other frames, and frames that are damaged, are passed over; bytes after the tag are ignored.

    Raises:
        PacketError: ``no_id3_tag``, ``id3_version``, ``bad_id3_size``, ``short_id3_tag`` or ``id3_too_long``.
    """
    if len(tag) < 10 or tag[:3] != b"ID3":
        raise PacketError("no_id3_tag")
    version, flags = tag[3], tag[5]
    if version not in (3, 4):
        raise PacketError("id3_version", f"2.{version}")
    end = 10 + _decode_synchsafe(tag[6:10])
    if end > MAX_TAG_BYTES:
        raise PacketError("id3_too_long", f"{end} bytes")
    if end > len(tag):
        raise PacketError("short_id3_tag", f"{len(tag)} of {end} bytes")
    body = tag[10:end]
    if flags & 0x80 and version == 3:
        body = body.replace(b"\xff\0", b"\xff")
    if flags & 0x40:
        body = body[_extended_header_bytes(body, version) :]
    frames: list[Id3Frame] = []
    for frame_id, content in _split_frames(body, version):
        frame = _decode_frame(frame_id, content)
        if frame is not None:
            frames.append(frame)
    return frames


def _extended_header_bytes(body: bytes, version: int) -> int:
    if len(body) < 4:
        raise PacketError("bad_id3_size")
    return _decode_synchsafe(body[:4]) if version == 4 else 4 + int.from_bytes(body[:4], "big")


def _split_frames(body: bytes, version: int) -> Iterator[tuple[str, bytes]]:
    offset = 0
    for _ in range(MAX_FRAMES):
        if offset + 10 > len(body) or body[offset] == 0:
            return
        size_field = body[offset + 4 : offset + 8]
        length_bytes = _decode_synchsafe(size_field) if version == 4 else int.from_bytes(size_field, "big")
        content = body[offset + 10 : offset + 10 + length_bytes]
        if len(content) < length_bytes:
            raise PacketError("bad_id3_size")
        format_flags = body[offset + 9] if version == 4 else 0
        if format_flags & 0x01:
            content = content[4:]
        if format_flags & 0x02:
            content = content.replace(b"\xff\0", b"\xff")
        if not format_flags & _FRAME_FLAGS_WE_CANNOT_UNDO:
            yield body[offset : offset + 4].decode("latin-1"), content
        offset += 10 + length_bytes


def _decode_frame(frame_id: str, content: bytes) -> Id3Frame | None:
    if frame_id == "PRIV":
        owner, separator, private = content.partition(b"\0")
        return PrivateFrame(owner.decode("latin-1"), private) if separator else None
    if not frame_id.startswith("T") or not content or content[0] >= len(_CODECS):
        return None
    texts = _decode_texts(content[1:], content[0])
    if frame_id == "TXXX":
        return UserTextFrame(texts[0], texts[1]) if len(texts) > 1 else None
    return TextFrame(frame_id, texts[0])


def _decode_texts(data: bytes, encoding: int) -> list[str]:
    """Return the NUL-separated texts of a frame, at least one; what is not text becomes U+FFFD."""
    if encoding in (0, 3):
        parts = data.split(b"\0")
    else:
        units = [data[at : at + 2] for at in range(0, len(data) - len(data) % 2, 2)]
        parts = [b""]
        for unit in units:
            if unit == b"\0\0":
                parts.append(b"")
            else:
                parts[-1] += unit
    return [part.decode(_CODECS[encoding], "replace") for part in parts]
