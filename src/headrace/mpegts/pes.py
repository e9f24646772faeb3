"""The PES packet: a frame of video or audio, or a tag, with its presentation time.

Source: ISO/IEC 13818-1, 2.4.3.6 and 2.4.3.7.
"""

from dataclasses import dataclass
from typing import Final

from headrace.base.errors import PacketError

PTS_MODULUS_90KHZ: Final = 1 << 33
VIDEO_STREAM_ID: Final = 0xE0
AUDIO_STREAM_ID: Final = 0xC0
PRIVATE_STREAM_1: Final = 0xBD
_STREAM_IDS_WITHOUT_HEADER: Final = frozenset({0xBC, 0xBE, 0xBF, 0xF0, 0xF1, 0xF2, 0xF8, 0xFF})


@dataclass(frozen=True, slots=True)
class PesHeader:
    """The start of a PES packet.

    Attributes:
        stream_id: 0xE0 to 0xEF video, 0xC0 to 0xDF audio, 0xBD private (timed ID3).
        payload_offset: Bytes before the payload.
        total_bytes: Whole PES packet, or 0 if its length is not given (video only).
        pts_90khz: Presentation time modulo 2**33, if given.
        dts_90khz: Decoding time; the presentation time where no other is given.
    """

    stream_id: int
    payload_offset: int
    total_bytes: int
    pts_90khz: int | None
    dts_90khz: int | None


def pts_distance_90khz(start_90khz: int, end_90khz: int) -> int:
    """Return the ticks from one 33-bit time to another, in [-2**32, 2**32)."""
    half = PTS_MODULUS_90KHZ // 2
    return (end_90khz - start_90khz + half) % PTS_MODULUS_90KHZ - half


def unwrap_pts_90khz(pts_90khz: int, near_90khz: int) -> int:
    """Return the unbounded time nearest to ``near_90khz`` that is ``pts_90khz`` modulo 2**33."""
    return near_90khz + pts_distance_90khz(near_90khz % PTS_MODULUS_90KHZ, pts_90khz)


def _decode_time(data: bytes, offset: int) -> int:
    bits = int.from_bytes(data[offset : offset + 5], "big")
    if not bits & bits >> 16 & bits >> 32 & 1:
        raise PacketError("bad_pes_marker_bits")
    return (bits >> 33 & 7) << 30 | (bits >> 17 & 0x7FFF) << 15 | bits >> 1 & 0x7FFF


def _encode_time(prefix: int, time_90khz: int) -> bytes:
    time_90khz %= PTS_MODULUS_90KHZ
    bits = prefix << 36 | (time_90khz >> 30) << 33 | 1 << 32
    bits |= (time_90khz >> 15 & 0x7FFF) << 17 | 1 << 16 | (time_90khz & 0x7FFF) << 1 | 1
    return bits.to_bytes(5, "big")


def decode_pes_header(data: bytes) -> PesHeader:
    """Decode the start of a PES packet, of which at least the header must be there.

    Raises:
        PacketError: ``short_pes_header``, ``no_pes_start_code``, ``bad_pes_header`` or
            ``bad_pes_marker_bits``.
    """
    if len(data) < 6:
        raise PacketError("short_pes_header", f"{len(data)} bytes")
    if data[:3] != b"\0\0\x01":
        raise PacketError("no_pes_start_code")
    length_bytes = data[4] << 8 | data[5]
    total_bytes = 6 + length_bytes if length_bytes else 0
    if data[3] in _STREAM_IDS_WITHOUT_HEADER:
        return PesHeader(data[3], 6, total_bytes, None, None)
    if len(data) < 9 or len(data) < 9 + data[8]:
        raise PacketError("short_pes_header", f"{len(data)} bytes")
    offset = 9 + data[8]
    times = data[7] >> 6
    needed_bytes = {0: 0, 2: 5, 3: 10}.get(times)
    if data[6] >> 6 != 2 or needed_bytes is None or data[8] < needed_bytes:
        raise PacketError("bad_pes_header")
    if total_bytes and total_bytes < offset:
        raise PacketError("bad_pes_header", "length is less than the header's")
    pts_90khz = _decode_time(data, 9) if times else None
    dts_90khz = _decode_time(data, 14) if times == 3 else pts_90khz
    return PesHeader(data[3], offset, total_bytes, pts_90khz, dts_90khz)


def shift_pes_times(packet: bytearray, offset: int, end: int, shift_90khz: int) -> None:
    """Add to the times of the PES packet that begins at ``offset``, in place; leave alone what has none.

    Args:
        packet: Holds the header from ``offset`` to ``end``, or as much of it as a transport packet does.
        offset: Of the start code.
        end: Of the data.
        shift_90khz: Added modulo 2**33.
    """
    if packet[offset : offset + 3] != b"\0\0\x01" or offset + 9 > end:
        return
    if packet[offset + 3] in _STREAM_IDS_WITHOUT_HEADER or packet[offset + 6] >> 6 != 2:
        return
    for number in range({0: 0, 2: 1, 3: 2}.get(packet[offset + 7] >> 6, 0)):
        start = offset + 9 + 5 * number
        try:
            time_90khz = _decode_time(bytes(packet[start : min(start + 5, end)]), 0)
        except PacketError:
            return
        packet[start : start + 5] = _encode_time(packet[start] >> 4, time_90khz + shift_90khz)


def encode_pes(
    stream_id: int,
    payload: bytes,
    pts_90khz: int,
    dts_90khz: int | None = None,
    *,
    bounded: bool = True,
    is_video: bool | None = None,
) -> bytes:
    """Return a PES packet, its payload aligned to an access unit.

    Args:
        stream_id: See `PesHeader`.
        payload: One or more whole access units.
        pts_90khz: Presentation time, taken modulo 2**33.
        dts_90khz: Decoding time, written if it is another.
        bounded: Give the length; without it (video only) the packet ends where the next starts. A payload
            too long for the field of 16 bits has no length either.
        is_video: The stream is a video, which ``stream_id`` does not tell of private streams (AV1).

    Raises:
        ValueError: A stream other than video is too long for the length field.
    """
    times = _encode_time(2, pts_90khz)
    flags = 0x80
    if dts_90khz is not None and (dts_90khz - pts_90khz) % PTS_MODULUS_90KHZ:
        times = _encode_time(3, pts_90khz) + _encode_time(1, dts_90khz)
        flags = 0xC0
    length_bytes = 3 + len(times) + len(payload)
    if not bounded or length_bytes > 0xFFFF:
        if not (stream_id & 0xF0 == VIDEO_STREAM_ID if is_video is None else is_video):
            raise ValueError(f"a PES packet of {length_bytes} bytes is over 65535, and only video may be")
        length_bytes = 0
    header = b"\0\0\x01" + bytes([stream_id]) + length_bytes.to_bytes(2, "big")
    return header + bytes([0x84, flags, len(times)]) + times + payload
