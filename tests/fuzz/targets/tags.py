"""ID3 tags, and what Headrace reads from them."""

from random import Random

from tests.fuzz.target import Target
from tests.fuzz.wrong import Field, make_wrong

from headrace.base.errors import PacketError
from headrace.mpegts.id3 import (
    MAX_FRAMES,
    Id3Frame,
    PrivateFrame,
    TextFrame,
    UserTextFrame,
    decode_id3,
    encode_id3,
)
from headrace.mpegts.metadata import Metadata, decode_metadata, encode_metadata


def run(tag: bytes) -> int:
    """Decode, and encode what was understood again."""
    try:
        frames = decode_id3(tag)
        metadata = decode_metadata(tag)
    except PacketError as error:
        assert error.reason.isidentifier()
        return 2 * len(tag)
    assert len(frames) <= MAX_FRAMES
    assert sum(map(_characters, frames)) <= len(tag)
    assert len(metadata.facts) <= MAX_FRAMES
    _encode(metadata)
    return 4 * len(tag)


def _characters(frame: Id3Frame) -> int:
    match frame:
        case TextFrame(_, text):
            return len(text)
        case UserTextFrame(description, text):
            return len(description) + len(text)
        case PrivateFrame(owner, content):
            return len(owner) + len(content)


def _encode(metadata: Metadata) -> None:
    try:
        again = decode_metadata(encode_metadata(metadata))
    except ValueError:
        return  # what a tag of another make says may be too long for one of ours, or no JSON in the strict sense
    assert again.title == (None if metadata.title is None else metadata.title.replace("\0", ""))
    assert again.capture_unix_us == metadata.capture_unix_us


def _frame(name: bytes, content: bytes, flags: bytes = b"\0\0") -> bytes:
    size = bytes(len(content) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return name + size + flags + content


def _tag(body: bytes, *, version: int = 4, flags: int = 0) -> bytes:
    size = bytes(len(body) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3" + bytes([version, 0, flags]) + size + body


def seeds() -> list[bytes]:
    """Return tags of both versions, with every kind of frame and flag."""
    said = Metadata("Harbour", {"place": "bridge"}, {"speed": 3.5, "on": [True, None]}, 1_700_000_000_000_000)
    wide = "Hafen\0Brücke".encode("utf-16")
    return [
        encode_metadata(said),
        encode_id3([TextFrame("TPE1", "é" * 40), PrivateFrame("someone", bytes(range(40)))]),
        _tag(_frame(b"TIT2", b"\x01" + wide) + _frame(b"TXXX", b"\x02" + "a\0b".encode("utf-16-be"))),
        _tag(_frame(b"TIT2", b"\0latin\xe9", b"\0\x03") + _frame(b"TALB", b"\x03x", b"\0\x0c")),
        _tag(b"\0\0\0\x06\0\0" + _frame(b"TIT2", b"\x03x"), flags=0x40),
        _tag(b"\0\0\0\x06\0\0\0\0\0\0TIT2\0\0\0\x02\0\0\x03x", version=3, flags=0xC0),
        _tag(_frame(b"TXXX", b"\x03application/json\0" + b"[" * 400 + b"]" * 400)),
        _tag(_frame(b"PRIV", b"headrace.capture-time\0" + bytes(8)) * 5 + bytes(20)),
        encode_metadata(Metadata(facts={str(at): "" for at in range(60)})),
    ]


def pick(data: bytes, random: Random) -> Field:
    """Return a byte of the head, of where a frame may begin, or of anywhere."""
    at = random.choice(
        (random.randrange(20), data.find(b"T", random.randrange(len(data))), random.randrange(len(data)))
    )
    return min(max(0, at + random.choice((0, 0, 4, 7, 9, 10))), len(data) - 1), random.choice((1, 1, 2, 4))


def wrong(tag: bytes, random: Random) -> bytes:
    """Return the tag with a field wrong; mostly with a right size."""
    spoilt = make_wrong(tag, random, pick)
    if random.random() < 0.6 and len(spoilt) > 10:
        size = len(spoilt) - 10
        spoilt = spoilt[:6] + bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0)) + spoilt[10:]
    return spoilt


TARGET = Target(run, seeds, wrong, max_bytes=4096, lines_per_byte=30)
