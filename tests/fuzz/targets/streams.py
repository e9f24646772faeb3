"""Transport streams: cut into packets, put together to frames, given tags; whole, and in pieces of any size."""

from random import Random
from typing import Final

from tests.fuzz.target import Target
from tests.fuzz.targets.transport_packet import pick
from tests.fuzz.wrong import make_wrong
from tests.support.transport import long_descriptors, small_stream, tables

from headrace.mpegts.demuxer import MAX_BUFFERED_BYTES, MAX_PROGRAMS, MAX_STREAMS, Demuxer, PesPacket
from headrace.mpegts.injector import FrameStart, MetadataInjector
from headrace.mpegts.metadata import Metadata
from headrace.mpegts.muxer import Muxer
from headrace.mpegts.packet import PACKETS_TO_LOCK, TS_PACKET_BYTES, PacketFinder
from headrace.mpegts.psi import ElementaryStream
from headrace.mpegts.stream_type import StreamType

_PIECES: Final = (1, 187, 188, 189, 1316, 4096)
_REASONS: Final = 40


def run(data: bytes) -> int:
    """Feed a stream piece by piece."""
    piece = _PIECES[len(data) % len(_PIECES)]
    pieces = [data[at : at + piece] for at in range(0, len(data), piece)]
    if piece == 1:
        pieces = [*[data[at : at + 1] for at in range(min(400, len(data)))], data[400:]]
    _find(data, pieces)
    _demux(data, pieces)
    _inject(pieces)
    return 6 * len(data)


def _find(data: bytes, pieces: list[bytes]) -> None:
    finder = PacketFinder()
    found = [packet for part in pieces for packet in finder.feed(part)]
    assert len(finder._buffer) < PACKETS_TO_LOCK * TS_PACKET_BYTES
    found += finder.flush()
    assert len(found) * TS_PACKET_BYTES + finder.skipped_bytes == len(data)


def _demux(data: bytes, pieces: list[bytes]) -> None:
    demuxer = Demuxer()
    found = list[PesPacket]()
    for part in pieces:
        found += demuxer.feed(part)
        check_demuxer(demuxer)
    found += demuxer.flush()
    assert sum(len(packet.payload) for packet in found) <= len(data)
    assert demuxer.buffered_bytes == 0


def check_demuxer(demuxer: Demuxer) -> None:
    """See that nothing in it is larger than it may be."""
    assert 0 <= demuxer.buffered_bytes <= MAX_BUFFERED_BYTES
    assert len(demuxer.programs) <= MAX_PROGRAMS
    assert len(demuxer._assemblies) <= MAX_STREAMS + MAX_PROGRAMS
    assert len(demuxer._sections) <= MAX_PROGRAMS + 1
    assert len(demuxer.drops) <= _REASONS
    held = [assembly.data for assembly in demuxer._assemblies.values()]
    assert sum(map(len, held)) == demuxer.buffered_bytes
    assert all(isinstance(data, bytearray) for data in held)


def _inject(pieces: list[bytes]) -> None:
    tags = 0

    def annotate(start: FrameStart) -> Metadata | None:
        nonlocal tags
        tags += 1
        return Metadata(title="t") if start.random_access else None

    for injector in (MetadataInjector(annotate), MetadataInjector(active=False)):
        fed = b"".join([injector.feed(part) for part in pieces]) + injector.flush()
        assert len(fed) % TS_PACKET_BYTES == 0
        assert len(injector._pending) <= 64


def seeds() -> list[bytes]:
    """Return short streams of several makes."""
    h264, aac = ElementaryStream(StreamType.H264, 0x100), ElementaryStream(StreamType.AAC_ADTS, 0x101)
    long_table = tables(streams=(ElementaryStream(StreamType.H264, 0x100, long_descriptors(5)), aac), version=1)
    muxer = Muxer([StreamType.H264, StreamType.AAC_ADTS])
    both = b"".join(
        muxer.write(number % 2, bytes([number]) * 200, 90_000 + 1_800 * number, random_access=number % 4 == 0)
        for number in range(6)
    )
    tags = MetadataInjector(lambda start: Metadata(title="here", facts={"a": "b"}))
    return [
        small_stream(4),
        both,
        tables(streams=(h264, aac)) + small_stream(2),
        long_table + both,
        both[100:],
        tags.feed(small_stream(6)) + tags.flush(),
        tables(streams=(aac,), pmt_pid=0x100) + both,
    ]


def wrong(data: bytes, random: Random) -> bytes:
    """Return the stream with a field of a header wrong, or a packet too many, too few or in another place."""
    packets = [data[at : at + TS_PACKET_BYTES] for at in range(0, len(data), TS_PACKET_BYTES)]
    match random.randrange(6):
        case 0 if packets:
            packets.insert(random.randrange(len(packets) + 1), random.choice(packets))
        case 1 if packets:
            del packets[random.randrange(len(packets))]
        case 2 if packets:
            at = random.randrange(len(packets))
            packets[at : at + 2] = reversed(packets[at : at + 2])
        case _:
            return make_wrong(data, random, pick)
    return b"".join(packets)


TARGET = Target(run, seeds, wrong, max_bytes=24 * TS_PACKET_BYTES, lines_per_byte=40)
