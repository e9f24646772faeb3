"""RTP packets of pictures and sound for tests."""

from headrace.remux.access_unit import AccessUnit, Codec
from headrace.remux.rtp_packetizer import RtpPacketizer
from headrace.webrtc.rtp import RtpPacket, decode_rtp

SPS = bytes.fromhex("6742c01e8c8d40501ed00f08846a")
PPS = bytes.fromhex("68ce01a835c8")


def picture(number: int, *, key: bool = False, size: int = 3_000) -> AccessUnit:
    """Return an H.264 picture (not decodable) of 30 a second."""
    body = bytes(1 + (number + at) % 250 for at in range(size))
    nals = [SPS, PPS, b"\x65" + body] if key else [b"\x41" + body]
    return AccessUnit(Codec.H264, number * 3_000, number * 3_000, nals, is_keyframe=key)


def sound(number: int) -> AccessUnit:
    """Return an Opus packet of 20 ms, the number in its bytes."""
    return AccessUnit(Codec.OPUS, number * 1_800, number * 1_800, [b"\xfc" + number.to_bytes(4, "big")])


def packets(units: list[AccessUnit], **options: int) -> list[RtpPacket]:
    """Return the packets of a stream."""
    packetizer = RtpPacketizer(units[0].codec, **({"ssrc": 1, "payload_type": 96} | options))
    return [decode_rtp(packet) for unit in units for packet in packetizer.packetize(unit)]
