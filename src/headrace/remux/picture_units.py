"""The units of one picture while they are put together from RTP payloads, for H.264 and HEVC alike.

Source: RFC 6184, 5.7 and 5.8; RFC 7798, 4.4.
"""

from typing import Final

from headrace.base.errors import PacketError
from headrace.mpegts.demuxer import MAX_PES_BYTES

MAX_PICTURE_BYTES: Final = MAX_PES_BYTES
MAX_UNITS: Final = 2_048
"""Of a picture: a 4K picture of one slice for each row of macroblocks has 135, with room for notes."""


class PictureUnits:
    """Whole units, and one that is in pieces."""

    __slots__ = ("_bytes", "_piece", "_units")

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self._units: list[bytes] = []
        self._piece: bytearray | None = None
        self._bytes = 0

    def add(self, unit: bytes) -> None:
        """Take a whole unit.

        Raises:
            PacketError: ``unfinished_unit`` (one in pieces has no end) or ``picture_too_large``.
        """
        if self._piece is not None:
            raise PacketError("unfinished_unit")
        self._count(len(unit))
        self._units.append(unit)

    def add_aggregate(self, body: bytes) -> None:
        """Take units that stand behind their lengths.

        Raises:
            PacketError: ``bad_aggregate``, or as of `add`.
        """
        at = 0
        while at < len(body):
            size_bytes = int.from_bytes(body[at : at + 2], "big")
            unit = body[at + 2 : at + 2 + size_bytes]
            if not size_bytes or len(unit) < size_bytes:
                raise PacketError("bad_aggregate")
            self.add(unit)
            at += 2 + size_bytes

    def add_piece(self, body: bytes, *, start: bytes, is_last: bool) -> None:
        """Take a piece of a unit.

        Args:
            body: What follows its header.
            start: Header of the unit, if this is its first piece.
            is_last: It ends the unit.

        Raises:
            PacketError: ``unfinished_unit``, ``piece_without_start`` or ``picture_too_large``.
        """
        if start:
            if self._piece is not None:
                raise PacketError("unfinished_unit")
            self._piece = bytearray(start)
        if self._piece is None:
            raise PacketError("piece_without_start")
        self._count(len(body))
        self._piece += body
        if is_last:
            self._units.append(bytes(self._piece))
            self._piece = None

    def _count(self, size_bytes: int) -> None:
        self._bytes += size_bytes
        if self._bytes > MAX_PICTURE_BYTES or len(self._units) >= MAX_UNITS:
            self._clear()
            raise PacketError("picture_too_large")

    def take(self) -> list[bytes]:
        """Return the units, and be ready for the next picture.

        Raises:
            PacketError: ``unfinished_unit``; it is ready all the same.
        """
        units, piece = self._units, self._piece
        self._clear()
        if piece is not None:
            raise PacketError("unfinished_unit")
        return units
