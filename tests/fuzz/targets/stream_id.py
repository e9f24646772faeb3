"""Stream ids: bytes on the wire, then text that says who wants what."""

from random import Random
from typing import Final

from tests.fuzz.target import Target
from tests.fuzz.wrong import make_wrong

from headrace.base.channel_id import check_channel_id
from headrace.base.errors import ChannelIdError, PacketError
from headrace.base.stream_key import hide_stream_keys, is_stream_key
from headrace.srt.stream_id import (
    MAX_STREAM_ID_BYTES,
    AccessRequest,
    decode_stream_id_words,
    encode_stream_id_words,
    format_stream_id,
    parse_stream_id,
    redact_stream_id,
)

_KEY: Final = "hrk_" + "abcdefgh" * 4
_PARTS: Final = (
    b"#!::",
    b"r=",
    b"m=publish",
    b"m=request",
    b"k=",
    b"s=",
    b"u=",
    b"t=",
    b",",
    b":",
    b"=",
    b"publish:",
    b"request:",
    b"read:",
    _KEY.encode(),
    b"1AAA99",
    b"\0",
    b"\xff",
    b"../",
    b"%2e",
    "é".encode(),
)


def run(body: bytes) -> int:
    """Decode and parse."""
    try:
        text = decode_stream_id_words(body)
        assert decode_stream_id_words(encode_stream_id_words(text)) == text
        shown = redact_stream_id(text)
        assert _KEY not in shown
        assert shown.isprintable()
        _look_at(parse_stream_id(text), text)
    except PacketError as error:
        assert error.reason.isidentifier()
        assert _KEY not in str(error)
    return len(body)


def _look_at(request: AccessRequest, text: str) -> None:
    assert request.mode in {"request", "publish", "bidirectional"}
    assert len(request.extra) <= MAX_STREAM_ID_BYTES // 2
    assert _KEY not in hide_stream_keys(text)
    assert _KEY not in repr(request)
    try:
        channel_id = check_channel_id(request.resource)
    except ChannelIdError as error:
        assert _KEY not in str(error)
        return
    assert not is_stream_key(channel_id)
    assert "/" not in channel_id
    assert channel_id.isascii()
    assert channel_id[0] not in ".-"
    _format(request)


def _format(request: AccessRequest) -> None:
    try:
        text = format_stream_id(request)
    except ValueError:
        return
    again = parse_stream_id(text)
    assert (again.resource, again.mode) == (request.resource, request.mode)


def words_of(text: str) -> bytes:
    """Return the text as an extension block carries it."""
    return encode_stream_id_words(text)


def seeds() -> list[bytes]:
    """Return every form that is understood."""
    texts = (
        "1AAA99",
        "publish:1AAA99",
        "request:1AAA99",
        "read:1AAA99",
        f"publish:1AAA99:{_KEY}",
        f"request:1AAA99:{_KEY}",
        _KEY,
        f"#!::r=1AAA99,m=publish,k={_KEY}",
        f"#!::r=1AAA99,m=publish,u=someone,s={_KEY},takeover=1,standby=0",
        "#!::r=1AAA99,m=request,t=eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl",
        "#!::m=bidirectional",
    )
    return [words_of(text) for text in texts]


def wrong(body: bytes, random: Random) -> bytes:
    """Return the text with a piece too much, or a byte wrong."""
    if random.random() < 0.5:
        return make_wrong(body, random)
    text = b"".join(body[at : at + 4][::-1] for at in range(0, len(body), 4)).rstrip(b"\0")
    at = random.randrange(len(text) + 1)
    text = text[:at] + random.choice(_PARTS) + text[at + random.choice((0, 0, 1, 4)) :]
    text += bytes(-len(text) % 4)
    return b"".join(text[at : at + 4][::-1] for at in range(0, len(text), 4))


TARGET = Target(run, seeds, wrong, max_bytes=600, lines_per_byte=40)
