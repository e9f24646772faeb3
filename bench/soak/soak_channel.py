"""A channel of the soak: what it carries, and how its packets tell when they were sent."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bench.first_frame import encode_group, frames_of

from headrace.media.encoder import AccessUnit
from headrace.mpegts.packet import NULL_PID, TS_PACKET_BYTES, encode_packet
from headrace.netio.clock import unix_time_us

VIDEO_BYTES: Final = 6 * TS_PACKET_BYTES
"""Six transport packets of video, and a null packet before them that carries number and time."""

_HEADER_BYTES: Final = 4
_STAMP: Final = struct.Struct(">QQ")
_NULL_PAYLOAD_BYTES: Final = TS_PACKET_BYTES - _HEADER_BYTES


@dataclass(slots=True)
class SoakChannel:
    """One channel.

    Attributes:
        channel_id: Its id.
        units: One group of pictures, sent again and again.
        is_lossy: Its producers are behind a bad link.
        is_taken: Its producers hang and another one takes the channel; others are killed and come back.
        next_number: Of the next payload, through all producers' lives.
        ended_us: When its last producer ended.
    """

    channel_id: str
    units: list[AccessUnit]
    is_lossy: bool = False
    is_taken: bool = False
    next_number: int = 0
    ended_us: int = 0

    def pictures(self) -> Iterator[list[bytes]]:
        """Yield the video for each picture's payloads, from a keyframe on."""
        rest = b""
        for picture in frames_of(self.units):
            ts = rest + picture
            whole = len(ts) - len(ts) % VIDEO_BYTES
            rest = ts[whole:]
            yield [ts[start : start + VIDEO_BYTES] for start in range(0, whole, VIDEO_BYTES)]

    def stamp(self, video: bytes) -> bytes:
        """Return a payload that is sent now."""
        stamp = _STAMP.pack(self.next_number, unix_time_us())
        self.next_number += 1
        return encode_packet(NULL_PID, 0, stamp.ljust(_NULL_PAYLOAD_BYTES, b"\xff")) + video


def read_stamp(payload: bytes) -> tuple[int, int] | None:
    """Return a payload's number, and when it was sent in microseconds since 1970.

    None is for the broker's own packets, which announce that another producer's follow.
    """
    if (payload[1] & 0x1F) << 8 | payload[2] != NULL_PID:
        return None
    number, sent_us = _STAMP.unpack_from(payload, _HEADER_BYTES)
    return number, sent_us


def make_channels() -> list[SoakChannel]:
    """Return the two channels of the soak."""
    return [
        SoakChannel("SOAK-KILLED", encode_group(2_500_000)),
        SoakChannel("SOAK-TAKEN", encode_group(1_000_000), is_lossy=True, is_taken=True),
    ]
