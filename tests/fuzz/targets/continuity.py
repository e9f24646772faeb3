"""Continuity counters of all PIDs, as columns and packet by packet."""

from random import Random

import numpy as np
from tests.fuzz.target import Target
from tests.fuzz.targets.transport_packet import pick
from tests.fuzz.wrong import make_wrong
from tests.support.scalar_counters import ScalarCounters
from tests.support.transport import small_stream

from headrace.mpegts.continuity import NEVER_SEEN, ContinuityCounters
from headrace.mpegts.packet import TS_PACKET_BYTES, encode_packet


def run(data: bytes) -> int:
    """Take an input as transport packets, in pieces of several sizes."""
    data += bytes(-len(data) % TS_PACKET_BYTES)
    packets = [data[at : at + TS_PACKET_BYTES] for at in range(0, len(data), TS_PACKET_BYTES)]
    scalar, columns = ScalarCounters(), ContinuityCounters()
    at_once = 1 + len(data) // TS_PACKET_BYTES % 5
    for start in range(0, len(packets), at_once):
        part = packets[start : start + at_once]
        rows = np.frombuffer(b"".join(part), np.uint8).reshape(-1, TS_PACKET_BYTES)
        assert columns.feed(rows) == sum(map(scalar.is_wrong, part))
    seen = np.flatnonzero(columns.last != NEVER_SEEN)
    assert dict(zip(seen.tolist(), columns.last[seen].tolist(), strict=True)) == scalar.last
    return len(data)


def seeds() -> list[bytes]:
    """Return streams without a fault, with repetitions and with gaps."""
    twice = encode_packet(0x100, 1, b"x") + encode_packet(0x100, 1, b"x")
    return [
        small_stream(3),
        twice + encode_packet(0x100, 1, b"x") + encode_packet(0x100, 5, b"y"),
        encode_packet(0x101, 9, b"") + encode_packet(0x101, 10, b"z") + twice,
        encode_packet(0x1FFF, 0, b"n") + encode_packet(0x1FFF, 9, b"n"),
    ]


def wrong(data: bytes, random: Random) -> bytes:
    """Return the packets with a header wrong."""
    return make_wrong(data, random, pick)


TARGET = Target(run, seeds, wrong, max_bytes=24 * TS_PACKET_BYTES, lines_per_byte=4)
