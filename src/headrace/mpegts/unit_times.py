"""The times of the units that begin in a payload of transport packets.

Source: ISO/IEC 13818-1, 2.4.3.7 (PTS, DTS).
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final, NamedTuple

from headrace.base.errors import PacketError
from headrace.mpegts.packet import (
    HAS_PAYLOAD,
    SCRAMBLED,
    TS_PACKET_BYTES,
    UNIT_START,
    is_transport_stream,
    payload_offset,
)
from headrace.mpegts.pes import (
    PTS_MODULUS_90KHZ,
    VIDEO_STREAM_ID,
    PesHeader,
    decode_pes_header,
    pts_distance_90khz,
)

MAX_SOUND_90KHZ: Final = 45_000
"""0.5 s. FFmpeg's muxer gathers up to 0.3 s of sound in a PES packet; what lies further apart is not sound."""
_UNITS: Final = 5
"""Of a stream so many of its last units tell how long the last one may be, as they hold a frame more or less."""


class UnitTimes(NamedTuple):
    """When a unit is to be shown and decoded, both modulo 2**33."""

    pts_90khz: int
    dts_90khz: int


class StreamEnd(NamedTuple):
    """How far a stream's times go, modulo 2**33.

    Attributes:
        newest_pts_90khz: The latest presentation time; None for none.
        sound_end_90khz: When the last sound, or tag, ends; None where there are pictures alone.
    """

    newest_pts_90khz: int | None
    sound_end_90khz: int | None


def unit_times(payload: bytes) -> Iterator[UnitTimes]:
    """Yield the times of each unit that begins in ``payload`` and has any."""
    for _, header in _headers(payload):
        if header.pts_90khz is not None and header.dts_90khz is not None:
            yield UnitTimes(header.pts_90khz, header.dts_90khz)


def _headers(payload: bytes) -> Iterator[tuple[int, PesHeader]]:
    """Yield PID and header of each unit that begins in ``payload``."""
    if not is_transport_stream(payload):
        return
    for start in range(0, len(payload), TS_PACKET_BYTES):
        flags = payload[start + 3]
        if payload[start + 1] & UNIT_START and flags & HAS_PAYLOAD and not flags & SCRAMBLED:
            offset = payload_offset(payload, start)
            try:
                header = decode_pes_header(payload[offset : start + TS_PACKET_BYTES])
            except PacketError:
                continue
            yield (payload[start + 1] & 0x1F) << 8 | payload[start + 2], header


def find_stream_end(payloads: Iterable[bytes]) -> StreamEnd:
    """Return how far the times in ``payloads`` go, which lie within hours of each other."""
    newest_90khz: int | None = None
    sounds: defaultdict[int, deque[int]] = defaultdict(lambda: deque(maxlen=_UNITS))
    for payload in payloads:
        for pid, header in _headers(payload):
            if header.pts_90khz is not None:
                newest_90khz = _later(newest_90khz, header.pts_90khz)
                if header.stream_id & 0xF0 != VIDEO_STREAM_ID:
                    sounds[pid].append(header.pts_90khz)
    sound_end_90khz: int | None = None
    for starts_90khz in sounds.values():
        sound_end_90khz = _later(sound_end_90khz, _end_90khz(starts_90khz))
    return StreamEnd(newest_90khz, sound_end_90khz)


def _later(one_90khz: int | None, other_90khz: int) -> int:
    if one_90khz is None or pts_distance_90khz(one_90khz, other_90khz) > 0:
        return other_90khz
    return one_90khz


def _end_90khz(starts_90khz: Iterable[int]) -> int:
    """Return when the last of a stream's units ends: none says how long it is, so it is as long as the longest."""
    times_90khz = list(starts_90khz)
    lengths_90khz = (pts_distance_90khz(*pair) for pair in pairwise(times_90khz))
    longest_90khz = max((one for one in lengths_90khz if 0 < one <= MAX_SOUND_90KHZ), default=0)
    return (times_90khz[-1] + longest_90khz) % PTS_MODULUS_90KHZ


def oldest_dts_90khz(payloads: Iterable[bytes]) -> int | None:
    """Return the earliest decoding time in ``payloads``, which lie within hours of each other; None for none."""
    oldest_90khz: int | None = None
    for payload in payloads:
        for times in unit_times(payload):
            if oldest_90khz is None or pts_distance_90khz(times.dts_90khz, oldest_90khz) > 0:
                oldest_90khz = times.dts_90khz
    return oldest_90khz
