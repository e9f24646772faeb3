"""The times of the units that begin in a payload of transport packets.

Source: ISO/IEC 13818-1, 2.4.3.7 (PTS, DTS).
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from headrace.base.errors import PacketError
from headrace.mpegts.packet import (
    HAS_PAYLOAD,
    SCRAMBLED,
    TS_PACKET_BYTES,
    UNIT_START,
    is_transport_stream,
    payload_offset,
)
from headrace.mpegts.pes import decode_pes_header, pts_distance_90khz


class UnitTimes(NamedTuple):
    """When a unit is to be shown and decoded, both modulo 2**33."""

    pts_90khz: int
    dts_90khz: int


def unit_times(payload: bytes) -> Iterator[UnitTimes]:
    """Yield the times of each unit that begins in ``payload`` and has any."""
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
            if header.pts_90khz is not None and header.dts_90khz is not None:
                yield UnitTimes(header.pts_90khz, header.dts_90khz)


def newest_pts_90khz(payloads: Iterable[bytes]) -> int | None:
    """Return the latest presentation time in ``payloads``, which lie within hours of each other; None for none."""
    newest_90khz: int | None = None
    for payload in payloads:
        for times in unit_times(payload):
            if newest_90khz is None or pts_distance_90khz(newest_90khz, times.pts_90khz) > 0:
                newest_90khz = times.pts_90khz
    return newest_90khz


def oldest_dts_90khz(payloads: Iterable[bytes]) -> int | None:
    """Return the earliest decoding time in ``payloads``, which lie within hours of each other; None for none."""
    oldest_90khz: int | None = None
    for payload in payloads:
        for times in unit_times(payload):
            if oldest_90khz is None or pts_distance_90khz(times.dts_90khz, oldest_90khz) > 0:
                oldest_90khz = times.dts_90khz
    return oldest_90khz
