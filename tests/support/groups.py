"""A producer's transport stream with keyframes at known payloads."""

from collections.abc import Iterable
from random import Random

from headrace.mpegts.muxer import Muxer
from headrace.mpegts.packet import NULL_PID, TS_PACKET_BYTES, decode_packet, encode_packet, packet_pid
from headrace.mpegts.pes import decode_pes_header
from headrace.mpegts.stream_type import StreamType

PAYLOAD_BYTES = 1316
VIDEO_PID = 0x100
FRAME_90KHZ = 3_000
_NULL_PACKET = encode_packet(NULL_PID, 0, b"\xff" * 184)


class Groups:
    """Pictures (not decodable) 30 a second, each in payloads of its own, in groups that begin with a keyframe.

    The first payload of a keyframe begins with the tables.

    Args:
        frames: Pictures of a group.
        payloads: Of a picture.
        keyframe_payloads: Of a keyframe.
        seed: Of what is in them, so that no two payloads are the same.
    """

    def __init__(self, frames: int = 60, *, payloads: int = 4, keyframe_payloads: int = 20, seed: int = 1) -> None:
        self._muxer = Muxer([StreamType.H264])
        self._random = Random(seed)
        self._frames = frames
        self._payloads = payloads
        self._keyframe_payloads = keyframe_payloads
        self._number = 0

    @property
    def is_keyframe_next(self) -> bool:
        return self._number % self._frames == 0

    def next_frame(self) -> list[bytes]:
        """Return the payloads of the next picture."""
        is_keyframe = self.is_keyframe_next
        count = self._keyframe_payloads if is_keyframe else self._payloads
        picture = self._random.randbytes(count * PAYLOAD_BYTES * 9 // 10 - 3 * TS_PACKET_BYTES)
        ts = self._muxer.write(0, picture, 90_000 + self._number * FRAME_90KHZ, random_access=is_keyframe)
        self._number += 1
        missing = count * PAYLOAD_BYTES - len(ts)
        assert missing >= 0
        assert missing % TS_PACKET_BYTES == 0
        ts += _NULL_PACKET * (missing // TS_PACKET_BYTES)
        return [ts[at : at + PAYLOAD_BYTES] for at in range(0, len(ts), PAYLOAD_BYTES)]


def pictures(payloads: Iterable[bytes]) -> list[bytes]:
    """Return what the packets of the pictures carry, without headers and times, in order."""
    stream = b"".join(payloads)
    packets = (stream[at : at + TS_PACKET_BYTES] for at in range(0, len(stream), TS_PACKET_BYTES))
    return [_content(packet) for packet in packets if packet_pid(packet) == VIDEO_PID and packet[3] & 0x10]


def _content(data: bytes) -> bytes:
    packet = decode_packet(data)
    begin = decode_pes_header(packet.payload).payload_offset if packet.payload_unit_start else 0
    return packet.payload[begin:]
