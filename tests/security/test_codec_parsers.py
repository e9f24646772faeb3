"""Headers of AV1, H.264 and HEVC that end early or announce more than is there; LiveKit's server stopped at them.

Source: livekit #4405 (AV1: an OBU's size runs over), #4407 (H.264 and H.265: units shorter than their headers),
GHSA-qxj9-fmqx-r7j8.
"""

from random import Random

import pytest
from tests.fuzz.targets.start_points import CODECS
from tests.support.transport import tables

from headrace.mpegts.packet import TS_PACKET_BYTES, encode_packet
from headrace.mpegts.psi import ElementaryStream
from headrace.mpegts.start_finder import Mark, StartFinder

PES = b"\0\0\x01\xe0\0\0\x80\0\0"
NAMES = [f"type_{stream.stream_type:02x}" for stream in CODECS]
KEYFRAMES = {0x1B: b"\x65", 0x24: b"\x26\x01", 0x02: b"\xb3", 0x06: b"\x0a\x0b"}


def finder(stream: ElementaryStream) -> StartFinder:
    finder = StartFinder()
    finder.feed(tables(streams=(stream,)))
    assert finder.video_pid == 0x100
    return finder


def first_packet(body: bytes) -> bytes:
    return encode_packet(0x100, 0, body[:184], payload_unit_start=True)


@pytest.mark.parametrize("stream", CODECS, ids=NAMES)
def test_a_unit_may_end_after_every_byte_of_its_header(stream: ElementaryStream) -> None:
    for first in range(256):
        for tail in (b"", b"\x80", b"\xff" * 9, b"\0", b"\0\0\x01"):
            found = finder(stream).feed(first_packet(PES + b"\0\0\x01" + bytes([first]) + tail))
            assert [one.mark for one in found] in ([], [Mark.KEYFRAME])


@pytest.mark.parametrize("stream", CODECS, ids=NAMES)
def test_a_start_code_may_be_the_last_thing_in_a_packet(stream: ElementaryStream) -> None:
    for cut in range(4):
        body = (PES + bytes(170))[: 184 - cut] + b"\0\0\x01\x65"[:cut]
        assert finder(stream).feed(first_packet(body)) == []


@pytest.mark.parametrize("stream", CODECS, ids=NAMES)
@pytest.mark.parametrize("announced", [0, 1, 170, 175, 176, 255])
def test_a_pes_header_may_announce_more_than_is_there(stream: ElementaryStream, announced: int) -> None:
    body = PES[:-1] + bytes([announced]) + bytes(100) + b"\0\0\x01" + KEYFRAMES.get(stream.stream_type, b"x")
    found = finder(stream).feed(first_packet(body.ljust(184, b"\xff")))
    has_unit = announced <= 100 and stream.stream_type in KEYFRAMES
    assert [one.mark for one in found] == ([Mark.KEYFRAME] if has_unit else [])


@pytest.mark.parametrize("stream", CODECS, ids=NAMES)
def test_sizes_that_run_over_and_rubbish_are_looked_at_and_no_more(stream: ElementaryStream) -> None:
    random, finder_of_all = Random(1), finder(stream)
    for _ in range(2_000):
        units = (
            b"\0\0\x01"
            + random.choice((b"\x12", b"\x0a", b"\x32", b"\x67", b"\x40"))
            + b"\xff" * random.randrange(12)
        )
        packet = first_packet(PES + units + random.randbytes(160))
        adaptation = random.randrange(256)
        spoilt = packet[:3] + bytes([packet[3] | 0x20, adaptation]) + packet[5:]
        finder_of_all.feed(packet + spoilt)
        assert finder_of_all.video_pid == 0x100
    assert len(packet) == TS_PACKET_BYTES
