"""RTP packets with header extensions.

Source: RFC 3550, 5.1; RFC 8285 (header extensions of one and of two bytes).
"""

import struct
from dataclasses import dataclass
from typing import Final

from headrace.base.errors import PacketError

HEADER_BYTES: Final = 12
SEQNO_MODULUS: Final = 1 << 16
TIMESTAMP_MODULUS: Final = 1 << 32
MAX_EXTENSIONS: Final = 16
"""One-byte headers have 14 ids; nobody sends more with two-byte ones."""

MID_URI: Final = "urn:ietf:params:rtp-hdrext:sdes:mid"
RID_URI: Final = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
REPAIRED_RID_URI: Final = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
ABS_SEND_TIME_URI: Final = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
TRANSPORT_CC_URI: Final = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"

_FIXED: Final = struct.Struct(">BBHII")
_VERSION: Final = 2
_PADDING_FLAG: Final = 0x20
_EXTENSION_FLAG: Final = 0x10
_MARKER_FLAG: Final = 0x80
_ONE_BYTE_PROFILE: Final = 0xBEDE
_TWO_BYTE_PROFILE: Final = 0x1000
_TWO_BYTE_MASK: Final = 0xFFF0
_STOP_ID: Final = 15
_ONE_BYTE_MAX_LENGTH: Final = 16
_ABS_SEND_TIME_UNIT_BITS: Final = 18
_MILLION: Final = 1_000_000


@dataclass(slots=True)
class RtpPacket:
    """One packet in clear.

    Attributes:
        payload_type: 0 to 127, as the SDP numbers codecs.
        seqno: 16 bits.
        timestamp: 32 bits, in the clock of the payload type.
        ssrc: Of the stream.
        payload: Without padding.
        marker: The last packet of a picture; the first of a talkspurt.
        csrcs: Contributing sources, 15 at most.
        extensions: Header extensions by id.
    """

    payload_type: int
    seqno: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False
    csrcs: tuple[int, ...] = ()
    extensions: dict[int, bytes] | None = None

    def extension(self, number: int | None) -> bytes | None:
        """Return the value of an extension, or None: it has none, or none was agreed on."""
        return None if self.extensions is None or number is None else self.extensions.get(number)


def is_rtcp(datagram: bytes) -> bool:
    """Return whether a packet on a port that RTP and RTCP share is RTCP.

    Source: RFC 5761, 4: packet types 192 to 223, which are payload types 64 to 95 with the marker.
    """
    return len(datagram) > 1 and 192 <= datagram[1] <= 223


def decode_rtp(data: bytes) -> RtpPacket:
    """Return the packet in ``data``.

    Raises:
        PacketError: ``rtp_header``, ``rtp_extension`` or ``rtp_padding``.
    """
    if len(data) < HEADER_BYTES or data[0] >> 6 != _VERSION:
        raise PacketError("rtp_header")
    first, second, seqno, timestamp, ssrc = _FIXED.unpack_from(data)
    at = HEADER_BYTES + 4 * (first & 0x0F)
    if at > len(data):
        raise PacketError("rtp_header", "contributing sources are missing")
    csrcs = struct.unpack_from(f">{first & 0x0F}I", data, HEADER_BYTES) if first & 0x0F else ()
    extensions = None
    if first & _EXTENSION_FLAG:
        extensions, at = _decode_extensions(data, at)
    end = len(data)
    if first & _PADDING_FLAG:
        end -= data[-1]
        if data[-1] == 0 or end < at:
            raise PacketError("rtp_padding")
    marker = bool(second & _MARKER_FLAG)
    return RtpPacket(second & 0x7F, seqno, timestamp, ssrc, data[at:end], marker, csrcs, extensions)


def _decode_extensions(data: bytes, at: int) -> tuple[dict[int, bytes], int]:
    """Return the extensions at offset ``at``, and where they end."""
    if at + 4 > len(data):
        raise PacketError("rtp_extension", "header is missing")
    profile, words = struct.unpack_from(">HH", data, at)
    begin, end = at + 4, at + 4 + 4 * words
    if end > len(data):
        raise PacketError("rtp_extension", "longer than the packet")
    if profile == _ONE_BYTE_PROFILE:
        return _decode_elements(data[begin:end], 1), end
    if profile & _TWO_BYTE_MASK == _TWO_BYTE_PROFILE:
        return _decode_elements(data[begin:end], 2), end
    return {}, end  # another profile's: "MUST be ignored" where it is not known (RFC 3550, 5.3.1)


def _decode_elements(block: bytes, header_bytes: int) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    at = 0
    while at < len(block):
        number = block[at] >> 4 if header_bytes == 1 else block[at]
        if number == 0:
            at += 1  # padding
            continue
        if header_bytes == 1 and number == _STOP_ID:
            break  # "processing ... MUST terminate" (4.2)
        if at + header_bytes > len(block):
            raise PacketError("rtp_extension", "an element is cut")
        length = (block[at] & 0x0F) + 1 if header_bytes == 1 else block[at + 1]
        end = at + header_bytes + length
        if end > len(block) or len(found) >= MAX_EXTENSIONS:
            raise PacketError("rtp_extension", "an element is longer than the block, or one too many")
        found[number] = block[at + header_bytes : end]
        at = end
    return found


def encode_rtp(packet: RtpPacket) -> bytes:
    """Return a packet's bytes, with extensions in one-byte form where they fit it.

    Raises:
        ValueError: There are more than 15 contributing sources, or an extension has no id of 1 to 255 or more
            than 255 bytes.
    """
    if len(packet.csrcs) > 15:
        raise ValueError("a packet has at most 15 contributing sources")
    first = _VERSION << 6 | len(packet.csrcs)
    second = packet.payload_type | (_MARKER_FLAG if packet.marker else 0)
    tail = b"".join(csrc.to_bytes(4, "big") for csrc in packet.csrcs)
    if packet.extensions:
        first |= _EXTENSION_FLAG
        tail += encode_extensions(packet.extensions)
    return _FIXED.pack(first, second, packet.seqno, packet.timestamp, packet.ssrc) + tail + packet.payload


def encode_extensions(extensions: dict[int, bytes]) -> bytes:
    """Return the header extension block, whole words with its head.

    Raises:
        ValueError: As of `encode_rtp`.
    """
    if all(
        1 <= number < _STOP_ID and 1 <= len(value) <= _ONE_BYTE_MAX_LENGTH for number, value in extensions.items()
    ):
        profile = _ONE_BYTE_PROFILE
        block = b"".join(bytes((n << 4 | len(value) - 1,)) + value for n, value in extensions.items())
    elif 0 in extensions:
        raise ValueError("an extension has an id of 1 to 255")
    else:
        profile = _TWO_BYTE_PROFILE
        block = b"".join(bytes((n, len(value))) + value for n, value in extensions.items())
    block += bytes(-len(block) % 4)
    return struct.pack(">HH", profile, len(block) // 4) + block


def encode_abs_send_time(time_us: int) -> bytes:
    """Return the value of the extension abs-send-time: seconds in 24 bits, of which 18 are after the point."""
    return ((time_us << _ABS_SEND_TIME_UNIT_BITS) // _MILLION & 0xFF_FFFF).to_bytes(3, "big")


def decode_abs_send_time(value: bytes) -> int:
    """Return the microseconds, modulo 64 s, that the extension abs-send-time says.

    Raises:
        PacketError: ``rtp_abs_send_time``: it has not three bytes.
    """
    if len(value) != 3:
        raise PacketError("rtp_abs_send_time")
    return int.from_bytes(value, "big") * _MILLION >> _ABS_SEND_TIME_UNIT_BITS


def seqno_distance(start: int, end: int) -> int:
    """Return how many packets lie from ``start`` to ``end``, in [-2**15, 2**15): negative if ``end`` is older."""
    return ((end - start + 0x8000) & 0xFFFF) - 0x8000


def unwrap_seqno(seqno: int, near: int) -> int:
    """Return the unbounded sequence number nearest to ``near`` that is ``seqno`` modulo 2**16."""
    return near + seqno_distance(near & 0xFFFF, seqno)


def timestamp_distance(start: int, end: int) -> int:
    """Return the ticks from one 32-bit timestamp to another, in [-2**31, 2**31)."""
    return ((end - start + 0x8000_0000) & 0xFFFF_FFFF) - 0x8000_0000


def unwrap_timestamp(timestamp: int, near: int) -> int:
    """Return the unbounded time nearest to ``near`` that is ``timestamp`` modulo 2**32."""
    return near + timestamp_distance(near & 0xFFFF_FFFF, timestamp)
