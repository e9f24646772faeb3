"""One transport stream that goes on where another ended, whatever either says."""

from random import Random
from typing import Final

from tests.fuzz.reader import Reader
from tests.fuzz.target import Target
from tests.fuzz.targets.start_points import check_continued, codec_stream, finder_after, script_of
from tests.fuzz.targets.transport_packet import pick
from tests.fuzz.wrong import make_wrong
from tests.support.transport import long_descriptors, packets_of, small_stream, tables

from headrace.mpegts.packet import SYNC_BYTE, TS_PACKET_BYTES, is_transport_stream
from headrace.mpegts.psi import ElementaryStream
from headrace.mpegts.splice import Splice, blank, unit_start
from headrace.mpegts.stream_type import StreamType

_BEFORE: Final = (
    tables(streams=(ElementaryStream(StreamType.H264, 0x41), ElementaryStream(StreamType.AAC_ADTS, 0x42))),
    tables(streams=tuple(ElementaryStream(StreamType.MPEG2_AUDIO, 0x100 + number) for number in range(30))),
    codec_stream(ElementaryStream(StreamType.HEVC, 0x100)),
    tables(streams=(ElementaryStream(StreamType.H264, 0x41),), networks=42),
)
_TABLES: Final = tuple(finder_after(ts).tables for ts in _BEFORE)


def run(script: bytes) -> int:
    """Let the datagrams of an input go on after a stream of another make."""
    reader = Reader(script)
    number = reader.number(1)
    payloads = list[bytes]()
    while not reader.is_over:
        length = reader.number(1)
        payloads.append(reader.take(7 * TS_PACKET_BYTES if length % 2 else length * 6))
    finder = finder_after(b"".join(payloads)[: 14 * TS_PACKET_BYTES])
    before, after = _TABLES[number % len(_TABLES)], finder.tables
    if before is not None and after is not None:
        check_continued(before, after)
    splice = Splice(before, after, {0: 3, 0x41: 9, 0x100: 15, 0x1000: 1}, shift_90khz=number << 25)
    mark = splice.mark()
    assert len(mark) % TS_PACKET_BYTES == 0
    assert all(packet[0] == SYNC_BYTE for packet in packets_of(mark))
    for at, payload in enumerate(payloads):
        _mend(splice, payload, is_whole=at % 2 == 0)
    assert 0 <= splice.source_pid(0x41) <= 0x1FFF
    return 3 * len(script)


def _mend(splice: Splice, payload: bytes, *, is_whole: bool) -> None:
    mended = splice.mend(payload, is_whole=is_whole)
    assert len(mended) == len(payload)
    if not is_transport_stream(payload):
        assert mended == payload
        return
    assert is_transport_stream(mended)
    start = unit_start(payload, 0x100)
    if start is not None:
        assert is_transport_stream(blank(mended, start, len(mended)))


def seeds() -> list[bytes]:
    """Return streams that go on with other tables, codecs and PIDs."""
    h264, aac = ElementaryStream(StreamType.H264, 0x100), ElementaryStream(StreamType.AAC_ADTS, 0x101)
    changing = b"".join(
        tables(streams=streams, version=version) for version, streams in enumerate([(h264,), (h264, aac), (aac,)])
    )
    long_table = tables(streams=(ElementaryStream(StreamType.H264, 0x100, long_descriptors(5)), aac), version=1)
    streams = small_stream(4), changing + small_stream(2), long_table, codec_stream(h264), changing
    return [bytes([number]) + script_of(ts) for number, ts in enumerate(streams)]


def wrong(script: bytes, random: Random) -> bytes:
    """Return the stream with a byte wrong that matters."""
    return make_wrong(script, random, pick)


TARGET = Target(run, seeds, wrong, max_bytes=4 * 1317, lines_per_byte=40)
