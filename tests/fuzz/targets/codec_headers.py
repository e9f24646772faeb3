"""Headers inside of units and frames: H.264, HEVC, AV1, AAC and Opus, with the codec in the first byte."""

from collections.abc import Callable
from random import Random
from typing import Final

from tests.fuzz.target import Target
from tests.fuzz.wrong import make_wrong
from tests.support.rtp_streams import PPS, SPS

from headrace.base.errors import PacketError
from headrace.codecs import aac, av1, hevc, opus
from headrace.codecs.annex_b import join_annex_b, split_annex_b
from headrace.codecs.bit_reader import unescape
from headrace.codecs.h264 import MAX_SIDE_PIXELS, is_keyframe, parse_sps


def _h264(data: bytes) -> None:
    for nal in split_annex_b(data):
        assert nal
        facts = parse_sps(nal)
        assert 0 < facts.width <= MAX_SIDE_PIXELS
        assert 0 < facts.height <= MAX_SIDE_PIXELS
        assert len(facts.profile_level_id) == 6


def _units(data: bytes) -> None:
    nals = split_annex_b(data)
    assert split_annex_b(join_annex_b(nals)) == nals
    is_keyframe(nals)
    hevc.is_keyframe(nals)


def _av1(data: bytes) -> None:
    obus = [av1.without_size(unescape(obu)) for obu in split_annex_b(data)]
    av1.is_keyframe(obus)
    for obu in obus:
        assert av1.without_size(av1.with_size(obu)) in {obu, bytes([obu[0] & ~2]) + obu[1:]}
        escaped = av1.escape(obu)
        assert split_annex_b(b"\0\0\1" + escaped) == [escaped]


def _aac(data: bytes) -> None:
    frames = aac.split_adts(data)
    assert b"".join(frame for _, frame in frames) == data
    for header, _ in frames:
        assert header.sample_rate_hz
        assert len(header.config) == 2


def _opus(data: bytes) -> None:
    for packet in opus.split_control_headers(data):
        assert packet
        assert 0 < opus.packet_samples(packet) <= opus.MAX_PACKET_SAMPLES


_DECODERS: Final[tuple[Callable[[bytes], None], ...]] = (_h264, _units, _av1, _aac, _opus)


def run(data: bytes) -> int:
    """Give the rest to the decoder that the first byte chooses."""
    if not data:
        return 0
    try:
        _DECODERS[data[0] % len(_DECODERS)](data[1:])
    except PacketError as error:
        assert error.reason.isidentifier()
    return 3 * len(data)


def seeds() -> list[bytes]:
    """Return one of each."""
    high = bytes.fromhex("67640028acd940780227e5c05a808080a0000003002000000791e30632c0")
    frame = aac.encode_adts(20) + bytes(20)
    packet = opus.encode_control_header(3) + b"\xfcab"
    sequence = b"\x08\x00\x00\x00\x42\xa7"
    obus = b"".join(b"\0\0\1" + av1.escape(av1.with_size(obu)) for obu in (b"\x10", sequence, b"\x30\x10abc"))
    return [
        b"\0" + join_annex_b([SPS, high]),
        b"\1" + join_annex_b([SPS, PPS, b"\x65\x88"]),
        b"\2" + obus,
        b"\3" + frame * 2,
        b"\4" + packet * 3 + bytes.fromhex("7ffc 02 0101 0202 03aabbcc fc11"),
    ]


def wrong(data: bytes, random: Random) -> bytes:
    """Return the headers with a byte or two wrong."""
    return data[:1] + make_wrong(data[1:], random)


TARGET = Target(run, seeds, wrong, max_bytes=1_024, lines_per_byte=80)
