"""Where decoding can start: tables and keyframes found in packets one by one and in runs, for every codec."""

from random import Random
from typing import Final

import numpy as np
from tests.fuzz.reader import Reader
from tests.fuzz.target import Target
from tests.fuzz.targets.transport_packet import pick
from tests.fuzz.wrong import make_wrong
from tests.support.transport import long_descriptors, small_stream, tables

from headrace.hub.packet_run import PacketRun
from headrace.hub.start_points import MAX_TABLES, StartPoints
from headrace.mpegts.packet import MAX_PACKETS_PER_DATAGRAM, TS_PACKET_BYTES, encode_packet, packet_pid
from headrace.mpegts.psi import Descriptor, ElementaryStream
from headrace.mpegts.start_finder import Mark, StartFinder
from headrace.mpegts.stream_type import StreamType
from headrace.mpegts.tables import Tables, continue_tables
from headrace.mpegts.unit_starts import find_unit_starts

_DATAGRAM_BYTES: Final = MAX_PACKETS_PER_DATAGRAM * TS_PACKET_BYTES
_AV1: Final = ElementaryStream(StreamType.PRIVATE_DATA, 0x100, (Descriptor(0x05, b"AV01"),))
CODECS: Final = (
    *(ElementaryStream(kind, 0x100) for kind in (StreamType.H264, StreamType.HEVC, StreamType.MPEG2_VIDEO)),
    _AV1,
    ElementaryStream(StreamType.VVC, 0x100),
)


def run(script: bytes) -> int:
    """Take an input as datagrams, each of as many bytes as the first byte before it says, in runs of some."""
    reader, together, one_by_one = Reader(script), StartPoints(), StartPoints()
    contents = list[bytes]()
    index = handed = 0
    while not reader.is_over:
        number = reader.number(1)
        contents.append(reader.take(_length(number)) or b"\0")
        if number % 3 == 0 or reader.is_over:
            for mark, place in together.look_through(run_of(contents)):
                together.note(mark, index * MAX_PACKETS_PER_DATAGRAM + place)
            for content in contents:
                one_by_one.handle_payload(index, content)
                index += 1
            handed += 2 * sum(map(len, contents))
            contents = []
            assert facts_of(together) == facts_of(one_by_one)
    _check(together)
    return handed


def _length(number: int) -> int:
    """Return how long a datagram is: mostly whole packets."""
    return _DATAGRAM_BYTES if number % 2 else min(1456, number * TS_PACKET_BYTES // 8)


def run_of(contents: list[bytes]) -> PacketRun:
    """Return the payloads as the endpoint hands them over."""
    payloads = np.zeros((len(contents), 1456), np.uint8)
    for row, content in enumerate(contents):
        payloads[row, : len(content)] = np.frombuffer(content, np.uint8)
    lengths = np.array([len(content) for content in contents], np.int64)
    starts = find_unit_starts(payloads.view(">u4")[:, :329:47].astype(np.uint32), lengths)
    return PacketRun(payloads, lengths.tolist(), [0] * len(contents), starts)


def facts_of(points: StartPoints) -> tuple[object, ...]:
    """Return everything that two ways of looking must agree on."""
    places = {mark: list(points._places[mark]) for mark in (Mark.PAT, Mark.PMT)}
    return points.newest_index, points.keyframe_indices, points.video_pid, points.tables, places


def _check(points: StartPoints) -> None:
    assert all(len(places) <= MAX_TABLES for places in points._places.values())
    found = points.tables
    if found is not None:
        assert 0 <= found.pmt_pid <= 0x1FFF
        check_continued(found, found)


def check_continued(before: Tables, after: Tables) -> None:
    """See that a stream that goes on as another has PIDs of its own, which exist."""
    tables_after, pids = continue_tables(before, after)
    assert pids.keys() >= after.pids
    assert all(0 <= pid <= 0x1FFF for pid in pids.values())
    assert tables_after.pmt.program_number == before.pmt.program_number


def _picture(stream: ElementaryStream, *units: bytes) -> bytes:
    body = b"\0\0\x01\xe0\0\0\x80\x80\x05\x21\0\x01\0\x01" + b"".join(b"\0\0\x01" + unit for unit in units)
    return encode_packet(stream.pid, 1, body[:184], payload_unit_start=True)


def codec_stream(stream: ElementaryStream) -> bytes:
    """Return tables, and pictures with units that decide, hint, and say nothing."""
    pictures = (b"\x67a", b"\x65b"), (b"\x41c",), (b"\x40\x01", b"\x42\x01", b"\x26\x01"), (b"\x02\x01",)
    others = (b"\xb3", b"\0\0"), (b"\x12\0", b"\x0a\x0b", b"\x32\x10"), (b"\x1a",)
    return tables(streams=(stream,)) + b"".join(_picture(stream, *units) for units in (*pictures, *others))


def script_of(ts: bytes) -> bytes:
    """Return the stream as a script of full datagrams."""
    pieces = [ts[at : at + _DATAGRAM_BYTES] for at in range(0, len(ts), _DATAGRAM_BYTES)]
    return b"".join(bytes([1 + 2 * at % 6]) + piece for at, piece in enumerate(pieces))


def seeds() -> list[bytes]:
    """Return a stream of each codec, and some with long tables."""
    long_table = tables(streams=(ElementaryStream(StreamType.H264, 0x100, long_descriptors(5)),), version=1)
    return [
        *(script_of(codec_stream(stream)) for stream in CODECS),
        script_of(long_table + small_stream(3)),
        script_of(small_stream(8)),
    ]


def wrong(script: bytes, random: Random) -> bytes:
    """Return the stream with a byte wrong that matters."""
    return make_wrong(script, random, pick)


def packets_in(payload: bytes) -> list[int]:
    """Return the PIDs in a payload."""
    return [packet_pid(payload[at : at + 4]) for at in range(0, len(payload) - 3, TS_PACKET_BYTES)]


def finder_after(ts: bytes) -> StartFinder:
    """Return a finder that has seen a stream."""
    finder = StartFinder()
    for at in range(0, len(ts), TS_PACKET_BYTES):
        finder.feed(ts[at : at + TS_PACKET_BYTES])
    return finder


TARGET = Target(run, seeds, wrong, max_bytes=4 * (_DATAGRAM_BYTES + 1), lines_per_byte=20)
