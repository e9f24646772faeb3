"""The transport stream that light producers send: valid tables, pictures and keyframes, and nothing to look at.

It is made once and sent again and again, by any number of producers: the payload of a packet is a row of it.
Slices hold noise; parameter sets and types of units are right, so that RTP packets for browsers are made of it.

Source: ISO/IEC 13818-1, through `headrace.mpegts.muxer`; ITU-T H.264, 7.3.1 and 7.4.1.
"""

from dataclasses import dataclass
from random import Random
from typing import Final

import numpy as np

from headrace.base.datagram_batch import I64Array, U8Array
from headrace.mpegts.muxer import Muxer
from headrace.mpegts.packet import TS_PACKET_BYTES
from headrace.mpegts.stream_type import StreamType

PAYLOAD_BYTES: Final = 1316
FRAMES_PER_SECOND: Final = 30
FRAMES: Final = 240
"""8 s, four keyframe intervals; then clock and counters jump back, as with a file that is played in a loop."""

_TS_PACKETS: Final = PAYLOAD_BYTES // TS_PACKET_BYTES
_RESERVED_TS_PACKETS: Final = 3
"""Of a frame: tables, and what the headers of its packets take."""
_PICTURE_BYTES_A_PACKET: Final = TS_PACKET_BYTES - 4
_SLICE: Final = bytes.fromhex("00000001 41")
_KEYFRAME: Final = bytes.fromhex(
    "00000001 6764000dacb40a0cfcf080000003008000001e478a1550 00000001 68ef3cb0 00000001 65"
)
"""Parameter sets of 320x180 in High profile without reordering, as x264 writes them, and the slice after them."""
_NULL_PACKET: Final = bytes.fromhex("471fff10").ljust(TS_PACKET_BYTES, b"\xff")


@dataclass(frozen=True, slots=True)
class StreamShape:
    """How much there is to send.

    Attributes:
        frame_packets: Payloads of each frame but keyframes.
        keyframe_packets: Payloads of each keyframe.
        keyframe_interval_frames: From one keyframe to the next.
    """

    frame_packets: int = 8
    keyframe_packets: int = 8
    keyframe_interval_frames: int = 60

    @property
    def packets_per_second(self) -> float:
        """Of one producer."""
        interval = self.keyframe_interval_frames
        return FRAMES_PER_SECOND * (self.keyframe_packets + (interval - 1) * self.frame_packets) / interval

    @property
    def bits_per_second(self) -> float:
        """Of payload of one producer."""
        return 8 * PAYLOAD_BYTES * self.packets_per_second


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream that repeats.

    Attributes:
        payloads: One a row; shape ``(packets, PAYLOAD_BYTES)``.
        first_packets: Packet with which each frame begins, and the number of packets; shape ``(FRAMES + 1,)``.
    """

    payloads: U8Array
    first_packets: I64Array

    def frame_packets(self, frames: I64Array) -> I64Array:
        """Return how many packets frames have, counted without end; shape as given."""
        return np.diff(self.first_packets)[frames % FRAMES]


def make_stream(shape: StreamShape) -> Stream:
    """Return a stream; 50 Mbit/s take 50 MB and half a second."""
    muxer = Muxer([StreamType.H264])
    counts = np.full(FRAMES, shape.frame_packets, np.int64)
    counts[:: shape.keyframe_interval_frames] = shape.keyframe_packets
    # Without zeros nothing in it looks like the beginning of a unit.
    noise = Random(1).randbytes(int(counts.max()) * PAYLOAD_BYTES).replace(b"\0", b"\1")
    frames = []
    for number, packets in enumerate(counts.tolist()):
        size_bytes = (packets * _TS_PACKETS - _RESERVED_TS_PACKETS) * _PICTURE_BYTES_A_PACKET
        is_key = number % shape.keyframe_interval_frames == 0
        begin = _KEYFRAME if is_key else _SLICE
        picture = begin + noise[: size_bytes - len(begin)]
        ts = muxer.write(0, picture, 90_000 + 3000 * number, random_access=is_key)
        frames.append(_fill(ts, packets))
    payloads = np.frombuffer(b"".join(frames), np.uint8).reshape(-1, PAYLOAD_BYTES)
    return Stream(payloads, np.concatenate(([0], np.cumsum(counts))))


def _fill(ts: bytes, packets: int) -> bytes:
    """Return a frame with null packets up to its last payload's end."""
    missing_packets = packets * _TS_PACKETS - len(ts) // TS_PACKET_BYTES
    if missing_packets < 0:
        raise AssertionError("tables and headers take no more than what is reserved")
    return ts + _NULL_PACKET * missing_packets
