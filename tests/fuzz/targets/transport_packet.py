"""Single transport packets and the PES headers in them: read, shifted in time, paced."""

from random import Random

from tests.fuzz.target import Target
from tests.fuzz.wrong import Field, make_wrong
from tests.support.transport import packets_of, small_stream, tables

from headrace.base.errors import PacketError
from headrace.mpegts.packet import (
    PCR_MODULUS_27MHZ,
    TS_PACKET_BYTES,
    decode_packet,
    encode_packet,
    is_transport_stream,
    payload_offset,
    shift_pcr,
)
from headrace.mpegts.pcr_pacer import PcrPacer
from headrace.mpegts.pes import PTS_MODULUS_90KHZ, decode_pes_header, encode_pes, shift_pes_times
from headrace.mpegts.psi import ElementaryStream
from headrace.mpegts.stream_type import StreamType
from headrace.mpegts.unit_times import find_stream_end, oldest_dts_90khz, unit_times


def run(data: bytes) -> int:
    """Take an input as packets, and each of them apart."""
    _pes(data)
    for start in range(0, len(data), TS_PACKET_BYTES):
        _packet(data[start : start + TS_PACKET_BYTES])
    if is_transport_stream(data):
        assert all(0 <= one.dts_90khz < PTS_MODULUS_90KHZ for one in unit_times(data))
        find_stream_end([data])
        oldest_dts_90khz([data])
    pacer = PcrPacer()
    pieces = [*pacer.feed(data, 1_000), *pacer.feed(data, 40_000_000), *pacer.flush(50_000_000)]
    assert sum(len(piece.data) for piece in pieces) <= 2 * len(data)
    assert sorted(piece.due_us for piece in pieces) == [piece.due_us for piece in pieces]
    return 6 * len(data)


def _pes(data: bytes) -> None:
    try:
        header = decode_pes_header(data)
    except PacketError as error:
        assert error.reason.isidentifier()
        return
    assert 6 <= header.payload_offset <= len(data)
    assert header.pts_90khz is None or 0 <= header.pts_90khz < PTS_MODULUS_90KHZ
    assert (header.pts_90khz is None) == (header.dts_90khz is None)


def _packet(data: bytes) -> None:
    try:
        packet = decode_packet(data)
    except PacketError as error:
        assert error.reason.isidentifier()
    else:
        assert packet.pcr_27mhz is None or 0 <= packet.pcr_27mhz < PCR_MODULUS_27MHZ
        assert len(packet.payload) <= TS_PACKET_BYTES - 4
        _pes(packet.payload)
    if len(data) == TS_PACKET_BYTES:
        shifted = bytearray(data)
        shift_pcr(shifted, 0, 12_345)
        shift_pes_times(shifted, payload_offset(shifted), TS_PACKET_BYTES, 12_345)
        assert len(shifted) == TS_PACKET_BYTES


def seeds() -> list[bytes]:
    """Return packets with tables, times, clock references, stuffing and nothing."""
    stream = small_stream(3)
    first = packets_of(stream)
    times = encode_pes(0xE0, bytes(40), 1 << 32, 5, bounded=True)
    return [
        *first[:4],
        b"".join(first[:7]),
        encode_packet(0x100, 3, times, payload_unit_start=True, random_access=True, pcr_27mhz=1 << 40),
        encode_packet(0x100, 4, b""),
        encode_packet(0x100, 4, bytes(183)),
        tables(streams=(ElementaryStream(StreamType.AAC_ADTS, 0x101),)),
        times,
        encode_pes(0xC0, bytes(10), 77),
    ]


def pick(data: bytes, random: Random) -> Field:
    """Return a byte or two of a header, more often than of what it is before."""
    start = TS_PACKET_BYTES * random.randrange(len(data) // TS_PACKET_BYTES + 1)
    reach = random.choice((6, 14, 32, TS_PACKET_BYTES))
    return min(start + random.randrange(reach), len(data) - 1), random.choice((1, 1, 2))


def wrong(data: bytes, random: Random) -> bytes:
    """Return the packets with a field of a header wrong; mostly still whole packets."""
    spoilt = make_wrong(data, random, pick)
    if random.random() < 0.7:
        spoilt += b"\xff" * (-len(spoilt) % TS_PACKET_BYTES)
    return spoilt


TARGET = Target(run, seeds, wrong, max_bytes=7 * TS_PACKET_BYTES)
