"""The handshake packet with its extension blocks, as a listener gets it, with and without a good cookie."""

from dataclasses import replace
from random import Random
from typing import Final

from tests.fuzz.target import Target
from tests.fuzz.wrong import make_wrong, pick_word
from tests.support.srt_datagrams import THERE, words

from headrace.base.errors import PacketError
from headrace.srt.caller import CallerOptions, induction_request
from headrace.srt.handshake import (
    SRT_MAGIC,
    Handshake,
    HandshakeType,
    LiveCapabilities,
    decode_handshake,
    encode_handshake,
)
from headrace.srt.listener import ConnectionRequest, Listener, ListenerOptions
from headrace.srt.packet import HEADER_BYTES, Header, decode_header
from headrace.srt.stream_id import MAX_STREAM_ID_BYTES

_NOW_US: Final = 90_000_000
_COOKIE: Final = slice(28, 32)
_GOOD: Final = Listener(ListenerOptions(), bytes(32)).cookie(THERE, _NOW_US // 60_000_000).to_bytes(4, "big")
_HEADER: Final = Header(0x8000_0000, 0, 5_000, 0)


def run(body: bytes) -> int:
    """Decode a body, and hand it to a listener as it is and with a good cookie."""
    try:
        _look_at(decode_handshake(body), body)
    except PacketError as error:
        assert error.reason.isidentifier()
    _listen(body, is_proved=body[_COOKIE] == _GOOD)
    if len(body) >= 48:
        _listen(body[: _COOKIE.start] + _GOOD + body[_COOKIE.stop :], is_proved=True)
    return 3 * len(body)


def _look_at(handshake: Handshake, body: bytes) -> None:
    texts = handshake.stream_id, handshake.congestion, handshake.filter
    assert all(len(text.encode()) <= MAX_STREAM_ID_BYTES for text in texts if text)
    assert len(handshake.key_material or b"") <= len(body)
    for response in (False, True):
        plain = replace(handshake, key_material=None, filter=None, group=None)
        again = decode_handshake(encode_handshake(plain, response=response))
        assert again.socket_id == handshake.socket_id
        assert again.initial_seqno == handshake.initial_seqno


def _listen(body: bytes, *, is_proved: bool) -> None:
    listener = Listener(ListenerOptions(), bytes(32))
    answer = listener.handle_handshake(_HEADER, body, THERE, _NOW_US)
    assert (answer is None) == (listener.ignored_packets.total() == 1)
    if answer is None:
        return
    if isinstance(answer, ConnectionRequest):
        assert is_proved
        _accept(listener, answer, body)
    elif not is_proved:
        assert len(answer) <= HEADER_BYTES + len(body)


def _accept(listener: Listener, request: ConnectionRequest, body: bytes) -> None:
    refusal = listener.reject(request, 2401)
    assert decode_handshake(refusal[HEADER_BYTES:]).rejection_code == 2401
    answer, parameters = listener.accept(request, 77, _NOW_US)
    assert decode_header(answer).dst_socket_id == request.handshake.socket_id
    assert 32 <= parameters.max_payload_bytes <= 1456
    assert listener.handle_handshake(_HEADER, body, THERE, _NOW_US) == answer
    listener.forget(77, _NOW_US)
    assert listener.handle_handshake(_HEADER, body, THERE, _NOW_US) is None


def induction() -> bytes:
    """Return what a caller says first."""
    return encode_handshake(induction_request(CallerOptions(), 0x1234, 99))


def conclusion(stream_id: str | None = "publish:1AAA99", **changes: object) -> bytes:
    """Return what a caller says next."""
    asked = Handshake(
        version=5,
        encryption_field=0,
        extension_field=5,
        initial_seqno=99,
        mss_bytes=1500,
        flow_window_packets=8192,
        handshake_type=HandshakeType.CONCLUSION,
        socket_id=0x1234,
        cookie=int.from_bytes(_GOOD, "big"),
        capabilities=LiveCapabilities(),
        stream_id=stream_id,
    )
    return encode_handshake(replace(asked, **changes))  # type: ignore[arg-type]


def _block(kind: int, content: bytes) -> bytes:
    return words(kind << 16 | len(content) // 4) + content


def seeds() -> list[bytes]:
    """Return requests as callers make them, with every kind of block."""
    answer = conclusion(stream_id=None, extension_field=1)
    return [
        induction(),
        conclusion(),
        conclusion(stream_id="#!::r=1AAA99,m=publish,u=me,s=x", congestion="live"),
        conclusion() + _block(6, b"elif") + _block(7, b",cefloc ") + _block(8, bytes(8)),
        conclusion(extension_field=7) + _block(3, bytes(range(72))),
        conclusion() + _block(99, bytes(12)),
        answer,
        encode_handshake(replace(decode_handshake(answer), handshake_type=1002), response=True),
        encode_handshake(replace(decode_handshake(induction()), version=5, extension_field=SRT_MAGIC)),
    ]


def wrong(body: bytes, random: Random) -> bytes:
    """Return the handshake with one word wrong."""
    return make_wrong(body, random, pick_word)


TARGET = Target(run, seeds, wrong, lines_per_byte=30)
