"""From access units to the RTP packets of one stream, in clear.

Source: RFC 3550, 5.1 (header); RFC 7587, 4 (Opus: one packet each, a clock of 48 kHz).
"""

import struct
from typing import Final

from headrace.base.errors import LocalProtocolError
from headrace.remux.access_unit import AccessUnit, Codec
from headrace.remux.av1_payloads import pack_av1
from headrace.remux.nal_payloads import H264_FORMAT, HEVC_FORMAT, pack_nals

MAX_PACKET_BYTES: Final = 1200
"""Header included. With SRTP's 16 bytes and the headers of UDP and IPv6 under the 1280 that every path carries."""
HEADER_BYTES: Final = 12

_HEADER: Final = struct.Struct("!BBHII")
_VERSION: Final = 2 << 6
_MARKER: Final = 0x80
_NAL_FORMATS: Final = {Codec.H264: H264_FORMAT, Codec.HEVC: HEVC_FORMAT}


class RtpPacketizer:
    """Makes the packets of one stream: a header of 12 bytes and no extension.

    Args:
        codec: Of the stream.
        ssrc: Synchronization source, 32 bits.
        payload_type: 7 bits.
        first_index: Sequence number of the first packet; it grows without end, and its lowest 16 bits are sent.
        timestamp_offset: Added to all timestamps; random, as RFC 3550 asks for.
        max_packet_bytes: Header included.

    Attributes:
        codec: As given.
        ssrc: As given.
        next_index: Sequence number of the next packet, unbounded: SRTP's packet index.

    Raises:
        LocalProtocolError: The codec has no RTP packets here (AAC).
    """

    __slots__ = ("_max_payload_bytes", "_payload_type", "_timestamp_offset", "codec", "next_index", "ssrc")

    def __init__(
        self,
        codec: Codec,
        *,
        ssrc: int,
        payload_type: int,
        first_index: int = 0,
        timestamp_offset: int = 0,
        max_packet_bytes: int = MAX_PACKET_BYTES,
    ) -> None:
        if codec == Codec.AAC:
            raise LocalProtocolError(f"there are no RTP packets for {codec.value}")
        self.codec = codec
        self.ssrc = ssrc
        self.next_index = first_index
        self._payload_type = payload_type
        self._timestamp_offset = timestamp_offset
        self._max_payload_bytes = max_packet_bytes - HEADER_BYTES

    def timestamp_at(self, pts_90khz: int) -> int:
        """Return the RTP timestamp of a presentation time, modulo 2**32: for sender reports."""
        ticks = pts_90khz if self.codec.is_video else pts_90khz * 8 // 15
        return (ticks + self._timestamp_offset) & 0xFFFF_FFFF

    def packetize(self, unit: AccessUnit) -> list[bytes]:
        """Return the packets of one picture or frame of sound, each of at most ``max_packet_bytes``.

        The last packet of a picture has the marker; of sound the first after a gap (RFC 3551, 4.1). An Opus packet
        is never split: one that is too long is left out, as nobody sends such.
        """
        timestamp = self.timestamp_at(unit.pts_90khz)
        payloads = self._payloads(unit)
        markers = [False] * len(payloads)
        if payloads and (unit.is_video or unit.is_discontinuous):
            markers[-1] = True
        packets = []
        for payload, marker in zip(payloads, markers, strict=True):
            second = self._payload_type | (_MARKER if marker else 0)
            header = _HEADER.pack(_VERSION, second, self.next_index & 0xFFFF, timestamp, self.ssrc)
            packets.append(header + payload)
            self.next_index += 1
        return packets

    def _payloads(self, unit: AccessUnit) -> list[bytes]:
        if unit.codec != self.codec:
            raise LocalProtocolError(f"{unit.codec.value} was given to the stream of {self.codec.value}")
        if self.codec == Codec.AV1:
            return pack_av1(unit.data, self._max_payload_bytes)
        if self.codec in _NAL_FORMATS:
            return pack_nals(unit.data, _NAL_FORMATS[self.codec], self._max_payload_bytes)
        return [packet for packet in unit.data if len(packet) <= self._max_payload_bytes]
