"""Transport streams for tests, made of our own packets."""

from headrace.mpegts.muxer import Muxer
from headrace.mpegts.packet import PAT_PID, TS_PACKET_BYTES, packet_pid, split_into_packets
from headrace.mpegts.psi import (
    Descriptor,
    ElementaryStream,
    ProgramAssociation,
    ProgramMap,
    encode_pat,
    encode_pmt,
    sections_to_unit,
)
from headrace.mpegts.stream_type import StreamType


def packets_of(ts: bytes, pid: int | None = None) -> list[bytes]:
    """Return the packets of a stream, of one PID if given."""
    assert len(ts) % TS_PACKET_BYTES == 0
    packets = [ts[at : at + TS_PACKET_BYTES] for at in range(0, len(ts), TS_PACKET_BYTES)]
    return [packet for packet in packets if pid is None or packet_pid(packet) == pid]


def tables(
    *, streams: tuple[ElementaryStream, ...], pmt_pid: int = 0x1000, version: int = 0, networks: int = 0
) -> bytes:
    """Return a PAT and a PMT of program 1; ``networks`` make the PAT longer, 42 of them longer than a packet."""
    network_pids = tuple((0, 0x1E00 + number) for number in range(networks))
    pat = encode_pat(ProgramAssociation(1, version, ((1, pmt_pid), *network_pids)))
    pmt = encode_pmt(ProgramMap(1, version, streams[0].pid, (), streams))
    ts = b""
    for pid, section in ((PAT_PID, pat), (pmt_pid, pmt)):
        ts += split_into_packets(pid, 15, sections_to_unit([section]))[0]
    return ts


def long_descriptors(count: int) -> tuple[Descriptor, ...]:
    """Return descriptors of 102 bytes each, to make a section span packets."""
    return tuple(Descriptor(0x80 + number, bytes([number]) * 100) for number in range(count))


def small_stream(frames: int = 10, *, payload_bytes: int = 500) -> bytes:
    """Return a stream of pictures (not decodable), 40 ms apart, from 1 s, each fifth a random access point."""
    muxer = Muxer([StreamType.H264])
    return b"".join(
        muxer.write(0, bytes([number]) * payload_bytes, 90_000 + number * 3_600, random_access=number % 5 == 0)
        for number in range(frames)
    )
