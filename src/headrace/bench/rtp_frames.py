"""The RTP packets that a broker makes of a stream, frame by frame: how many are due, and what a plain loop is fed.

Source: `headrace.remux`, which the broker makes them with.
"""

from typing import Final, NamedTuple

import numpy as np

from headrace.base.datagram_batch import I64Array, U8Array
from headrace.bench.stream import FRAMES, Stream
from headrace.remux.access_unit import Codec
from headrace.remux.rtp_packetizer import MAX_PACKET_BYTES, RtpPacketizer
from headrace.remux.ts_to_units import TsToUnits

SSRC: Final = 0x1EAD
PAYLOAD_TYPE: Final = 96


class RtpFrames(NamedTuple):
    """The packets of a stream that repeats.

    Attributes:
        packets: In clear, one a row; shape ``(n, MAX_PACKET_BYTES)``.
        lengths: Bytes of each row that are the packet's; shape ``(n,)``.
        first_packets: Packet with which each frame begins, and the number of packets; shape ``(FRAMES + 1,)``.
    """

    packets: U8Array
    lengths: I64Array
    first_packets: I64Array

    @property
    def packets_per_frame(self) -> float:
        """Of all frames, on average."""
        return len(self.lengths) / FRAMES

    def packets_before(self, frame: int) -> int:
        """Return how many packets all frames before this one have, counted without end."""
        rounds, rest = divmod(frame, FRAMES)
        return rounds * len(self.lengths) + int(self.first_packets[rest])

    def rows_of(self, frame: int) -> slice:
        """Return which rows are the packets of a frame, counted without end."""
        first, end = self.first_packets[frame % FRAMES : frame % FRAMES + 2].tolist()
        return slice(first, end)


def make_rtp_frames(stream: Stream) -> RtpFrames:
    """Return the packets of a stream."""
    to_units, packetizer = TsToUnits(), RtpPacketizer(Codec.H264, ssrc=SSRC, payload_type=PAYLOAD_TYPE)
    packets: list[bytes] = []
    first_packets = [0]
    for begin, end in zip(stream.first_packets[:-1], stream.first_packets[1:], strict=True):
        for unit in to_units.feed(stream.payloads[begin:end].tobytes()):
            packets += packetizer.packetize(unit)
        first_packets.append(len(packets))
    rows = np.frombuffer(b"".join(packet.ljust(MAX_PACKET_BYTES, b"\0") for packet in packets), np.uint8)
    return RtpFrames(
        rows.reshape(-1, MAX_PACKET_BYTES), np.array(list(map(len, packets))), np.array(first_packets)
    )
