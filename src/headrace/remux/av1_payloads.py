"""AV1 pictures as RTP payloads of equal size, and back.

Source: "RTP Payload Format For AV1" (AOM), 4.4 (aggregation header), 5 (packetization rules).
"""

from typing import Final

from headrace.base.errors import PacketError
from headrace.codecs.av1 import (
    NEEDLESS_TYPES,
    ObuType,
    decode_leb128,
    encode_leb128,
    obu_type,
    without_size,
)
from headrace.remux.picture_units import MAX_PICTURE_BYTES, MAX_UNITS

_CONTINUES, _GOES_ON, _NEW_SEQUENCE = 0x80, 0x40, 0x08
_COUNT_SHIFT: Final = 4
MAX_ELEMENTS: Final = 3
"""In one packet of ours: so many can be counted in its header, and the last then needs no length."""


def pack_av1(obus: list[bytes], max_payload_bytes: int) -> list[bytes]:
    """Return the payloads of one picture, in order, none longer than ``max_payload_bytes``.

    Args:
        obus: Units without size fields.
        max_payload_bytes: Four or more.
    """
    units = [obu for obu in obus if obu_type(obu) not in NEEDLESS_TYPES]
    total_bytes = sum(len(obu) + 2 for obu in units)
    count = max(1, -(-total_bytes // (max_payload_bytes - 1)))
    room_bytes = min(max_payload_bytes - 1, -(-total_bytes // count))
    payloads: list[bytes] = []
    elements: list[bytes] = []
    left_bytes, continues = room_bytes, False
    for obu in units:
        at = 0
        while at < len(obu):
            # All but the last have a length; which one is last is known when the next begins.
            length_bytes = len(encode_leb128(len(elements[-1]))) if elements else 0
            space_bytes = left_bytes - length_bytes
            if space_bytes <= 0 or len(elements) == MAX_ELEMENTS:
                payloads.append(_encode(elements, continues=continues, goes_on=at > 0))
                elements, left_bytes, continues = [], room_bytes, at > 0
                continue
            piece = obu[at : at + space_bytes]
            elements.append(piece)
            left_bytes = space_bytes - len(piece)
            at += len(piece)
    if elements:
        payloads.append(_encode(elements, continues=continues, goes_on=False))
    if payloads and any(obu_type(obu) == ObuType.SEQUENCE_HEADER for obu in units):
        payloads[0] = bytes([payloads[0][0] | _NEW_SEQUENCE]) + payloads[0][1:]
    return payloads


def _encode(elements: list[bytes], *, continues: bool, goes_on: bool) -> bytes:
    first = (_CONTINUES if continues else 0) | (_GOES_ON if goes_on else 0) | len(elements) << _COUNT_SHIFT
    counted = b"".join(encode_leb128(len(element)) + element for element in elements[:-1])
    return bytes([first]) + counted + elements[-1]


class Av1Unpacker:
    """Takes the payloads of a picture in order."""

    __slots__ = ("_bytes", "_piece", "_units")

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self._units: list[bytes] = []
        self._piece: bytearray | None = None
        self._bytes = 0

    def feed(self, payload: bytes) -> None:
        """Take a payload, of at least a byte.

        Raises:
            PacketError: It is malformed, or the picture too large: the picture is of no use.
        """
        first = payload[0]
        self._bytes += len(payload)
        if self._bytes > MAX_PICTURE_BYTES or len(self._units) > MAX_UNITS:
            self._clear()
            raise PacketError("picture_too_large")
        elements = _decode(payload)
        if bool(first & _CONTINUES) != (self._piece is not None):
            raise PacketError("piece_without_start" if first & _CONTINUES else "unfinished_unit")
        for number, element in enumerate(elements):
            piece = self._piece if number == 0 and self._piece is not None else bytearray()
            piece += element
            is_open = number == len(elements) - 1 and first & _GOES_ON
            self._piece = piece if is_open else None
            if not is_open and piece:
                self._units.append(bytes(piece))

    def take(self) -> list[bytes]:
        """Return the units of the picture without size fields; what is fed then belongs to the next one.

        Raises:
            PacketError: ``unfinished_unit``, ``short_obu`` or ``bad_leb128``.
        """
        units, piece = self._units, self._piece
        self._clear()
        if piece is not None:
            raise PacketError("unfinished_unit")
        return [without_size(unit) for unit in units if obu_type(unit) not in NEEDLESS_TYPES]

    def begins_picture(self, payload: bytes) -> bool:
        """Return whether nothing of the picture can stand before this payload: it begins a sequence."""
        return bool(payload[0] & _NEW_SEQUENCE) and not payload[0] & _CONTINUES


def _decode(payload: bytes) -> list[bytes]:
    count, at = payload[0] >> _COUNT_SHIFT & 3, 1
    elements: list[bytes] = []
    while at < len(payload):
        if count and len(elements) == count - 1:
            elements.append(payload[at:])
            break
        size_bytes, start = decode_leb128(payload, at)
        at = start + size_bytes
        if at > len(payload):
            raise PacketError("bad_element")
        elements.append(payload[start:at])
    if not elements or (count and len(elements) != count):
        raise PacketError("bad_element")
    return elements
