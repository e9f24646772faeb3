"""Opus: how long a packet sounds, and how packets stand in a transport stream.

Source: RFC 6716, 3.1 (TOC byte), 3.2 (frame count); "OpusTS" (wiki.xiph.org), the control header, as FFmpeg reads
and writes it.
"""

from typing import Final

from headrace.base.errors import PacketError

SAMPLE_RATE_HZ: Final = 48_000
MAX_PACKET_SAMPLES: Final = 5_760
"""120 ms, the most that a packet may sound (RFC 6716, 3.2.5)."""
MAX_PACKET_BYTES: Final = 61_440
"""48 frames of 1275 bytes and their lengths, rounded up."""

_FRAME_SAMPLES: Final = (480, 960, 1920, 2880) * 3 + (480, 960) * 2 + (120, 240, 480, 960) * 4
"""By the five bits of the configuration (RFC 6716, table 2)."""
_CONTROL_PREFIX: Final = 0x7FE0
_PREFIX_MASK: Final = 0xFFE0
_START_TRIM, _END_TRIM, _EXTENSION = 0x10, 0x08, 0x04


def packet_samples(packet: bytes) -> int:
    """Return how many samples of 48 kHz a packet has.

    Raises:
        PacketError: ``short_opus`` or ``bad_opus`` (it is longer than 120 ms or has no frame).
    """
    if not packet:
        raise PacketError("short_opus")
    code = packet[0] & 3
    if code == 3 and len(packet) < 2:
        raise PacketError("short_opus")
    frames = (1, 2, 2)[code] if code < 3 else packet[1] & 0x3F
    samples = frames * _FRAME_SAMPLES[packet[0] >> 3]
    if not 0 < samples <= MAX_PACKET_SAMPLES:
        raise PacketError("bad_opus", f"{samples} samples")
    return samples


def is_stereo(packet: bytes) -> bool:
    """Return whether a packet, of at least a byte, is stereo."""
    return bool(packet[0] & 4)


def encode_control_header(packet_bytes: int) -> bytes:
    """Return what stands before a packet of ``packet_bytes`` in a transport stream."""
    return _CONTROL_PREFIX.to_bytes(2, "big") + b"\xff" * (packet_bytes // 255) + bytes([packet_bytes % 255])


def split_control_headers(data: bytes) -> list[bytes]:
    """Return the packets of a PES packet without their control headers.

    Raises:
        PacketError: ``no_opus_control_header`` or ``short_opus``.
    """
    packets: list[bytes] = []
    offset = 0
    while offset < len(data):
        start, size_bytes = _decode_control_header(data, offset)
        offset = start + size_bytes
        if not size_bytes or offset > len(data):
            raise PacketError("short_opus")
        packets.append(data[start:offset])
    return packets


def _decode_control_header(data: bytes, offset: int) -> tuple[int, int]:
    """Return where the packet begins and how many bytes it has."""
    head = int.from_bytes(data[offset : offset + 2], "big")
    if head & _PREFIX_MASK != _CONTROL_PREFIX:
        raise PacketError("no_opus_control_header")
    at, size_bytes = offset + 2, 0
    while at < len(data) and data[at] == 255 and size_bytes < MAX_PACKET_BYTES:
        size_bytes += 255
        at += 1
    if at >= len(data):
        raise PacketError("short_opus")
    size_bytes += data[at]
    at += 1 + (2 if head & _START_TRIM else 0) + (2 if head & _END_TRIM else 0)
    if head & _EXTENSION:
        if at >= len(data):
            raise PacketError("short_opus")
        at += 1 + data[at]
    return at, size_bytes
