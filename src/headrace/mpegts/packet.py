"""The 188-byte transport packet: finding it in a byte stream, reading its header, building it.

Source: ISO/IEC 13818-1 (= ITU-T H.222.0), 2.4.3.2 to 2.4.3.5.
"""

from dataclasses import dataclass
from typing import Final

from headrace.base.errors import PacketError

TS_PACKET_BYTES: Final = 188
SYNC_BYTE: Final = 0x47
PAT_PID: Final = 0x0000
NULL_PID: Final = 0x1FFF
STUFFING_BYTE: Final = 0xFF

MAX_PAYLOAD_BYTES: Final = TS_PACKET_BYTES - 4
MAX_PACKETS_PER_DATAGRAM: Final = 7
"""So many fit into SRT's 1456 bytes."""

TRANSPORT_ERROR: Final = 0x80
UNIT_START: Final = 0x40
"""Bits of a packet's second byte."""
SCRAMBLED: Final = 0xC0
HAS_ADAPTATION: Final = 0x20
HAS_PAYLOAD: Final = 0x10
"""Bits of its fourth."""
PCR_MODULUS_27MHZ: Final = (1 << 33) * 300
PACKETS_TO_LOCK: Final = 3
"""Sync bytes in a row, 188 apart, before a position is believed: one or two occur in video by chance."""

_ALIGNED: Final = frozenset(bytes([SYNC_BYTE]) * count for count in range(1, MAX_PACKETS_PER_DATAGRAM + 1))


def is_transport_stream(payload: bytes) -> bool:
    """Return whether a datagram's ``payload`` is 1 to 7 whole transport packets and nothing else."""
    return payload[::TS_PACKET_BYTES] in _ALIGNED and len(payload) % TS_PACKET_BYTES == 0


def payload_offset(packets: bytes | bytearray, start: int = 0) -> int:
    """Return where the payload of the packet at ``start`` begins, which may be past its end."""
    return start + (5 + packets[start + 4] if packets[start + 3] & HAS_ADAPTATION else 4)


@dataclass(slots=True)
class TsPacket:
    """One decoded transport packet.

    Attributes:
        pid: Packet identifier, 13 bits.
        payload_unit_start: A PES packet or a section starts in the payload.
        continuity_counter: 4 bits; counts the packets of this PID that have a payload.
        transport_error: The modem says that the packet is damaged.
        scrambled: The payload is encrypted.
        has_payload: False for a packet of adaptation field alone.
        discontinuity: The continuity counter and the PCR may jump here.
        random_access: Decoding can start with the elementary stream bytes that begin here.
        pcr_27mhz: Program clock reference, modulo 2**33 * 300, if present.
        payload: What follows the adaptation field.
        is_stuffed: The adaptation field is longer than what it holds.
    """

    pid: int
    payload_unit_start: bool
    continuity_counter: int
    transport_error: bool
    scrambled: bool
    has_payload: bool
    discontinuity: bool
    random_access: bool
    pcr_27mhz: int | None
    payload: bytes
    is_stuffed: bool = False


def packet_pid(packet: bytes) -> int:
    """Return the PID of a packet of at least 3 bytes."""
    return ((packet[1] & 0x1F) << 8) | packet[2]


def decode_packet(packet: bytes) -> TsPacket:
    """Decode one packet of 188 bytes.

    Raises:
        PacketError: ``bad_length``, ``no_sync_byte``, ``reserved_adaptation_field`` or
            ``bad_adaptation_field``.
    """
    if len(packet) != TS_PACKET_BYTES:
        raise PacketError("bad_length", f"{len(packet)} bytes")
    if packet[0] != SYNC_BYTE:
        raise PacketError("no_sync_byte", f"0x{packet[0]:02x}")
    control = packet[3] >> 4 & 3
    if control == 0:
        raise PacketError("reserved_adaptation_field")
    discontinuity, random_access, pcr_27mhz, offset = False, False, None, 4
    if control & 2:
        discontinuity, random_access, pcr_27mhz = _decode_adaptation_field(packet)
        offset = 5 + packet[4]
    return TsPacket(
        pid=packet_pid(packet),
        payload_unit_start=bool(packet[1] & 0x40),
        continuity_counter=packet[3] & 0x0F,
        transport_error=bool(packet[1] & 0x80),
        scrambled=bool(packet[3] & 0xC0),
        has_payload=bool(control & 1),
        discontinuity=discontinuity,
        random_access=random_access,
        pcr_27mhz=pcr_27mhz,
        payload=packet[offset:] if control & 1 else b"",
        is_stuffed=control == 3 and _is_stuffed(packet),
    )


def _is_stuffed(packet: bytes) -> bool:
    """Return whether the adaptation field ends with stuffing bytes (2.4.3.5)."""
    length_bytes = packet[4]
    flags = packet[5] if length_bytes else 0
    if not flags:  # it says nothing, so it is there to fill the packet
        return True
    if flags & 3:  # private data and extensions have lengths of their own
        return packet[4 + length_bytes] == STUFFING_BYTE
    return length_bytes > 1 + (6 if flags & 0x10 else 0) + (6 if flags & 0x08 else 0) + (1 if flags & 0x04 else 0)


def _decode_adaptation_field(packet: bytes) -> tuple[bool, bool, int | None]:
    length_bytes = packet[4]
    if length_bytes > TS_PACKET_BYTES - 5:
        raise PacketError("bad_adaptation_field", f"length {length_bytes}")
    if length_bytes == 0:
        return False, False, None
    flags = packet[5]
    if not flags & 0x10:
        return bool(flags & 0x80), bool(flags & 0x40), None
    if length_bytes < 7:
        raise PacketError("bad_adaptation_field", "too short for its PCR")
    bits = int.from_bytes(packet[6:12], "big")
    pcr_27mhz = (bits >> 15) * 300 + (bits & 0x1FF)
    return bool(flags & 0x80), bool(flags & 0x40), pcr_27mhz % PCR_MODULUS_27MHZ


def shift_pcr(packets: bytearray, start: int, shift_90khz: int) -> None:
    """Add to the program clock reference of the packet at ``start``, in place, if it has one; modulo 2**33."""
    if not packets[start + 3] & 0x20 or packets[start + 4] < 7 or not packets[start + 5] & 0x10:
        return
    bits = int.from_bytes(packets[start + 6 : start + 12], "big")
    base_90khz = ((bits >> 15) + shift_90khz) % (1 << 33)
    packets[start + 6 : start + 12] = (base_90khz << 15 | bits & 0x7FFF).to_bytes(6, "big")


def encode_pcr(pcr_27mhz: int) -> bytes:
    """Return the 6 bytes of a program clock reference, taken modulo 2**33 * 300."""
    base, extension = divmod(pcr_27mhz % PCR_MODULUS_27MHZ, 300)
    return (base << 15 | 0x3F << 9 | extension).to_bytes(6, "big")


def encode_packet(
    pid: int,
    continuity_counter: int,
    payload: bytes,
    *,
    payload_unit_start: bool = False,
    random_access: bool = False,
    pcr_27mhz: int | None = None,
) -> bytes:
    """Return one packet, stuffed in its adaptation field to 188 bytes.

    An empty payload gives a packet of adaptation field alone, whose counter must be that of the packet
    before it (2.4.3.3).

    Raises:
        ValueError: The payload does not fit beside the adaptation field.
    """
    flags = (0x40 if random_access else 0) | (0x10 if pcr_27mhz is not None else 0)
    adaptation_bytes = MAX_PAYLOAD_BYTES - len(payload)
    adaptation = b""
    if flags or adaptation_bytes > 1:
        field = bytes([flags]) + (encode_pcr(pcr_27mhz) if pcr_27mhz is not None else b"")
        adaptation = bytes([max(adaptation_bytes - 1, 0)]) + field.ljust(adaptation_bytes - 1, b"\xff")
    elif adaptation_bytes == 1:
        adaptation = b"\0"
    if len(adaptation) != adaptation_bytes:
        raise ValueError(f"{len(payload)} payload bytes do not fit beside {len(adaptation)}")
    control = (0x20 if adaptation else 0) | (0x10 if payload else 0)
    header = bytes(
        [
            SYNC_BYTE,
            (0x40 if payload_unit_start else 0) | pid >> 8,
            pid & 0xFF,
            control | continuity_counter & 15,
        ]
    )
    return header + adaptation + payload


def split_into_packets(
    pid: int, last_counter: int, unit: bytes, *, random_access: bool = False, pcr_27mhz: int | None = None
) -> tuple[bytes, int]:
    """Return a PES packet or section as packets, and the continuity counter of the last of them.

    Args:
        pid: Packet identifier.
        last_counter: Continuity counter of the packet before; the first one here is one more, modulo 16.
        unit: What starts in the first packet. Sections bring their pointer field and their own stuffing.
        random_access: Set the indicator in the first packet.
        pcr_27mhz: Put this clock reference in the first packet.
    """
    packets: list[bytes] = []
    offset, counter = 0, last_counter
    while offset < len(unit):
        first = offset == 0
        room_bytes = MAX_PAYLOAD_BYTES
        if first and pcr_27mhz is not None:
            room_bytes -= 8
        elif first and random_access:
            room_bytes -= 2
        counter = (counter + 1) & 15
        packets.append(
            encode_packet(
                pid,
                counter,
                unit[offset : offset + room_bytes],
                payload_unit_start=first,
                random_access=first and random_access,
                pcr_27mhz=pcr_27mhz if first else None,
            )
        )
        offset += room_bytes
    return b"".join(packets), counter


class PacketFinder:
    """Cuts a byte stream of any chunking into 188-byte packets, and finds the beat again when it is lost.

    Attributes:
        skipped_bytes: Bytes thrown away because no packet started there.
    """

    __slots__ = ("_buffer", "_locked", "skipped_bytes")

    def __init__(self) -> None:
        self._buffer = b""
        self._locked = False
        self.skipped_bytes = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Return the packets that are now whole. Keeps less than `PACKETS_TO_LOCK` packets back."""
        buffer = self._buffer + data
        packets: list[bytes] = []
        offset = 0
        while True:
            if not self._locked:
                offset = self._find_beat(buffer, offset)
                if not self._locked:
                    break
            while len(buffer) - offset >= TS_PACKET_BYTES and buffer[offset] == SYNC_BYTE:
                packets.append(buffer[offset : offset + TS_PACKET_BYTES])
                offset += TS_PACKET_BYTES
            if len(buffer) - offset < TS_PACKET_BYTES:
                break
            self._locked = False
        self._buffer = buffer[offset:]
        return packets

    def flush(self) -> list[bytes]:
        """Return the whole packets at the end of a stream that was too short to be sure of its beat."""
        buffer, self._buffer, self._locked = self._buffer, b"", False
        start = buffer.find(SYNC_BYTE)
        packets: list[bytes] = []
        while start >= 0 and len(buffer) - start >= TS_PACKET_BYTES and buffer[start] == SYNC_BYTE:
            packets.append(buffer[start : start + TS_PACKET_BYTES])
            start += TS_PACKET_BYTES
        self.skipped_bytes += len(buffer) - len(packets) * TS_PACKET_BYTES
        return packets

    def _find_beat(self, buffer: bytes, offset: int) -> int:
        """Return where packets start, or how far the buffer is of no use, and set the lock if sure."""
        start = offset
        while True:
            found = buffer.find(SYNC_BYTE, start)
            if found < 0:
                found = len(buffer)
                break
            end = min(len(buffer), found + PACKETS_TO_LOCK * TS_PACKET_BYTES)
            if all(buffer[at] == SYNC_BYTE for at in range(found, end, TS_PACKET_BYTES)):
                # The beat is sure with three sync bytes, or at once where the stream is whole packets so far.
                whole = found == offset and len(buffer) - found >= TS_PACKET_BYTES and self.skipped_bytes == 0
                beats = -(-(end - found) // TS_PACKET_BYTES)
                self._locked = whole or beats == PACKETS_TO_LOCK
                break
            start = found + 1
        self.skipped_bytes += found - offset
        return found
