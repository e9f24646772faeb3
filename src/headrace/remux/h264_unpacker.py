"""From RTP payloads to the units of an H.264 picture.

Source: RFC 6184, 5.4 (types of payloads), 5.7.1 (STAP-A), 5.8 (FU-A).
"""

from headrace.base.errors import PacketError
from headrace.codecs.h264 import NalType
from headrace.remux.picture_units import PictureUnits

_START, _END = 0x80, 0x40


class H264Unpacker:
    """Takes the payloads of a picture in order. Payloads of other modes than 0 and 1 are errors."""

    __slots__ = ("_units",)

    def __init__(self) -> None:
        self._units = PictureUnits()

    def feed(self, payload: bytes) -> None:
        """Take a payload, of at least a byte.

        Raises:
            PacketError: It is malformed or of another mode, or the picture too large: the picture is of no use.
        """
        kind = payload[0] & 0x1F
        if kind == NalType.FU_A:
            self._take_piece(payload)
        elif kind == NalType.STAP_A:
            self._units.add_aggregate(payload[1:])
        elif 0 < kind < NalType.STAP_A:
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
        """Return whether nothing of the picture can stand before this payload: a delimiter or SPS is first."""
        kind = payload[0] & 0x1F
        if kind == NalType.STAP_A:
            kind = payload[3] & 0x1F if len(payload) > 3 else 0
        return kind in {NalType.SPS, NalType.ACCESS_UNIT_DELIMITER}

    def _take_piece(self, payload: bytes) -> None:
        if len(payload) < 3:
            raise PacketError("short_payload")
        header = payload[1]
        start = bytes([payload[0] & 0xE0 | header & 0x1F]) if header & _START else b""
        self._units.add_piece(payload[2:], start=start, is_last=bool(header & _END))
