"""From RTP payloads to the units of an HEVC picture.

Source: RFC 7798, 4.4.1 (single), 4.4.2 (aggregation), 4.4.3 (fragmentation); without decoding order numbers.
"""

from headrace.base.errors import PacketError
from headrace.codecs.hevc import HEADER_BYTES, NalType, nal_type
from headrace.remux.picture_units import PictureUnits

_START, _END = 0x80, 0x40


class HevcUnpacker:
    """Takes the payloads of a picture in order."""

    __slots__ = ("_units",)

    def __init__(self) -> None:
        self._units = PictureUnits()

    def feed(self, payload: bytes) -> None:
        """Take a payload, of at least a byte.

        Raises:
            PacketError: It is malformed, or the picture too large: the picture is of no use.
        """
        if len(payload) <= HEADER_BYTES:
            raise PacketError("short_payload")
        kind = nal_type(payload)
        if kind == NalType.FRAGMENTATION:
            self._take_piece(payload)
        elif kind == NalType.AGGREGATION:
            self._units.add_aggregate(payload[HEADER_BYTES:])
        elif kind < NalType.AGGREGATION:
            self._units.add(payload)
        else:
            raise PacketError("unknown_payload", f"type {kind}")

    def take(self) -> list[bytes]:
        """Return the units of the picture, which is at its end; what is fed then belongs to the next one.

        Raises:
            PacketError: ``unfinished_unit``.
        """
        return self._units.take()

    def begins_picture(self, payload: bytes) -> bool:
        """Return whether nothing of the picture can stand before this payload: it begins with VPS, SPS or AUD."""
        kind = nal_type(payload)
        if kind == NalType.AGGREGATION:
            kind = payload[4] >> 1 & 0x3F if len(payload) > 4 else 0
        return kind in {NalType.ACCESS_UNIT_DELIMITER, NalType.VPS, NalType.SPS}

    def _take_piece(self, payload: bytes) -> None:
        if len(payload) < HEADER_BYTES + 2:
            raise PacketError("short_payload")
        header = payload[2]
        start = bytes([payload[0] & 0x81 | (header & 0x3F) << 1, payload[1]]) if header & _START else b""
        self._units.add_piece(payload[3:], start=start, is_last=bool(header & _END))
