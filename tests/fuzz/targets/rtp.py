"""RTP packets in clear, with every kind of header extension."""

from random import Random

from tests.fuzz.target import Target
from tests.fuzz.wrong import make_wrong

from headrace.base.errors import PacketError
from headrace.webrtc.rtp import (
    MAX_EXTENSIONS,
    RtpPacket,
    decode_abs_send_time,
    decode_rtp,
    encode_rtp,
    is_rtcp,
)
from headrace.webrtc.srtp import rtp_header_bytes


def run(data: bytes) -> int:
    """Decode, and encode what was understood again."""
    is_rtcp(data)
    try:
        packet = decode_rtp(data)
    except PacketError as error:
        assert error.reason.isidentifier()
        return len(data)
    extensions = packet.extensions or {}
    assert len(extensions) <= MAX_EXTENSIONS
    assert len(packet.payload) + sum(map(len, extensions.values())) + 12 <= len(data)
    assert rtp_header_bytes(data) <= len(data)
    for value in extensions.values():
        try:
            assert 0 <= decode_abs_send_time(value) < 64_000_000
        except PacketError as error:
            assert error.reason == "rtp_abs_send_time"
    again = decode_rtp(encode_rtp(packet))
    assert (again.extensions or {}) == extensions
    again.extensions = packet.extensions
    assert again == packet
    return 3 * len(data)


def seeds() -> list[bytes]:
    """Return packets as browsers send them, and with what the specification has besides."""
    plain = RtpPacket(96, 0xFFFE, 0x900, 0x1234, b"abc" * 9, marker=True)
    one_byte = RtpPacket(96, 1, 2, 3, b"p" * 40, extensions={1: b"0", 2: b"abc", 3: b"12", 4: b"layer"})
    two_bytes = RtpPacket(96, 1, 2, 3, b"p", csrcs=(7, 8), extensions={1: b"0", 200: b"", 3: b"m" * 30})
    padded = bytearray(encode_rtp(one_byte) + b"\0\0\0\4")
    padded[0] |= 0x20
    return [*map(encode_rtp, (plain, one_byte, two_bytes)), bytes(padded)]


def wrong(data: bytes, random: Random) -> bytes:
    """Return the packet with a byte or two wrong."""
    return make_wrong(data, random)


TARGET = Target(run, seeds, wrong, max_bytes=1500)
