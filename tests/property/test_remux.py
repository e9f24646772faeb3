"""From transport stream to RTP and back: nothing of a stream is lost or moved, whoever encoded it."""

import io
from collections.abc import Iterator
from itertools import pairwise

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.encoded_streams import encoded_stream, payloads_of

from headrace.codecs.av1 import decode_leb128, escape, without_size
from headrace.codecs.bit_reader import unescape
from headrace.remux.access_unit import AccessUnit, Codec
from headrace.remux.av1_payloads import Av1Unpacker, pack_av1
from headrace.remux.h264_unpacker import H264Unpacker
from headrace.remux.hevc_unpacker import HevcUnpacker
from headrace.remux.nal_payloads import H264_FORMAT, HEVC_FORMAT, pack_nals
from headrace.remux.rtp_clock import SessionClock
from headrace.remux.rtp_packetizer import RtpPacketizer
from headrace.remux.rtp_to_units import RtpToUnits
from headrace.remux.ts_to_units import TsToUnits
from headrace.remux.units_to_ts import UnitsToTs
from headrace.webrtc.rtp import decode_rtp

NEEDLESS = {Codec.H264: {9, 12}, Codec.HEVC: {35, 38}, Codec.AV1: {2, 8, 15}}
TYPE_SHIFTS = {Codec.H264: (0, 31), Codec.HEVC: (1, 63), Codec.AV1: (3, 15)}


def units_of(ts: bytes) -> list[AccessUnit]:
    to_units = TsToUnits()
    found = [unit for payload in payloads_of(ts) for unit in to_units.feed(payload)]
    assert to_units.drops == {}
    return found


def needed(unit: AccessUnit) -> list[bytes]:
    """Return the units of a picture that a receiver needs."""
    if unit.codec not in NEEDLESS:
        return unit.data
    shift, mask = TYPE_SHIFTS[unit.codec]
    return [nal for nal in unit.data if nal[0] >> shift & mask not in NEEDLESS[unit.codec]]


def through_rtp(units: list[AccessUnit]) -> Iterator[AccessUnit]:
    """Yield what comes out of RTP streams that carry the units, in order and without loss."""
    session = SessionClock()
    codecs = dict.fromkeys(unit.codec for unit in units)
    senders = {codec: RtpPacketizer(codec, ssrc=1, payload_type=96, first_index=0xFFF0) for codec in codecs}
    receivers = {codec: RtpToUnits(codec, session) for codec in codecs}
    for unit in units:
        for packet in senders[unit.codec].packetize(unit):
            yield from receivers[unit.codec].feed(decode_rtp(packet), unit.pts_90khz * 100 // 9)
    assert all(receiver.drops == {} for receiver in receivers.values())


def check_round_trip(before: list[AccessUnit]) -> bytes:
    """Send units through RTP and a transport stream again, compare, and return that stream."""
    after = list(through_rtp(before))
    to_ts = UnitsToTs(sorted({unit.codec for unit in before}, key=lambda codec: not codec.is_video))
    ts = b"".join(payload for unit in after for payload in to_ts.feed(unit))
    again = units_of(ts)
    assert again
    for codec in {unit.codec for unit in before}:
        old, new = ([unit for unit in units if unit.codec == codec] for units in (before, again))
        # The last picture of no given length ends with the next one, which is not there.
        assert len(old) - 1 <= len(new) <= len(old)
        assert [needed(unit) for unit in new] == [needed(unit) for unit in old[: len(new)]]
        assert [unit.is_keyframe for unit in new] == [unit.is_keyframe for unit in old[: len(new)]]
        steps = [[after.pts_90khz - before.pts_90khz for before, after in pairwise(units)] for units in (old, new)]
        assert max(abs(a - b) for a, b in zip(*steps, strict=False)) <= 1
    return ts


@pytest.mark.parametrize("video", ["libx264", "libx265"])
def test_real_streams_come_back_with_their_units_and_times(video: str) -> None:
    options = {"x265-params": "bframes=0:log-level=none:keyint=25", "preset": "ultrafast"}
    ts = encoded_stream(40, video=video, audio="libopus", video_options=options if video == "libx265" else None)
    before = units_of(ts)
    assert {unit.codec for unit in before} == {Codec.H264 if video == "libx264" else Codec.HEVC, Codec.OPUS}
    back = check_round_trip(before)
    with av.open(io.BytesIO(back), "r", format="mpegts") as container:
        pictures = [frame for frame in container.decode(video=0) if not frame.is_corrupt]
    assert len(pictures) >= 39


def temporal_units() -> list[list[bytes]]:
    """Return the pictures of an AV1 encoder as lists of OBUs without size fields."""
    file = io.BytesIO()
    with av.open(file, "w", format="obu") as container:
        stream = container.add_stream("libsvtav1", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        stream.options = {"preset": "12", "svtav1-params": "pred-struct=1:keyint=10:lookahead=0"}
        for number in range(30):
            frame = av.VideoFrame(320, 180, "rgb24")
            frame.planes[0].update(bytes([number * 8]) * frame.planes[0].buffer_size)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    data, at = file.getvalue(), 0
    pictures: list[list[bytes]] = []
    while at < len(data):
        size, start = decode_leb128(data, at + 1)
        obu = without_size(data[at : start + size])
        at = start + size
        if obu[0] >> 3 & 15 == 2:
            pictures.append([])
        else:
            pictures[-1].append(obu)
    return pictures


def test_av1_comes_back_with_its_units_and_times() -> None:
    to_ts = UnitsToTs([Codec.AV1])
    pictures = temporal_units()
    assert len(pictures) == 30
    ts = b""
    for number, obus in enumerate(pictures):
        unit = AccessUnit(Codec.AV1, number * 3_600, number * 3_600, obus, is_keyframe=number % 10 == 0)
        ts += b"".join(to_ts.feed(unit))
    before = units_of(ts)
    assert [needed(unit) for unit in before] == pictures
    assert [number for number, unit in enumerate(before) if unit.is_keyframe] == [0, 10, 20]
    check_round_trip(before)


def unit_lists(headers: st.SearchStrategy[bytes], *, least_bytes: int) -> st.SearchStrategy[list[bytes]]:
    """Return a strategy of pictures: units with these headers and any content."""
    bodies = st.binary(min_size=least_bytes, max_size=400)
    return st.lists(st.builds(bytes.__add__, headers, bodies), min_size=1, max_size=8)


NALS_264 = unit_lists(st.integers(0x61, 0x68).map(lambda first: bytes([first])), least_bytes=1)
NALS_265 = unit_lists(st.integers(0, 34).map(lambda kind: bytes([kind << 1, 1])), least_bytes=1)
OBUS = unit_lists(st.sampled_from([1, 3, 4, 5, 6]).map(lambda kind: bytes([kind << 3])), least_bytes=0)


@given(NALS_264, st.integers(20, 300))
def test_any_units_of_h264_come_back(nals: list[bytes], max_payload_bytes: int) -> None:
    unpacker, payloads = H264Unpacker(), pack_nals(nals, H264_FORMAT, max_payload_bytes)
    for payload in payloads:
        assert len(payload) <= max_payload_bytes
        unpacker.feed(payload)
    assert unpacker.take() == nals


@given(NALS_265, st.integers(20, 300))
def test_any_units_of_hevc_come_back(nals: list[bytes], max_payload_bytes: int) -> None:
    unpacker, payloads = HevcUnpacker(), pack_nals(nals, HEVC_FORMAT, max_payload_bytes)
    for payload in payloads:
        assert len(payload) <= max_payload_bytes
        unpacker.feed(payload)
    assert unpacker.take() == nals


@settings(max_examples=200)
@given(OBUS, st.integers(5, 300))
def test_any_units_of_av1_come_back(obus: list[bytes], max_payload_bytes: int) -> None:
    unpacker, payloads = Av1Unpacker(), pack_av1(obus, max_payload_bytes)
    for payload in payloads:
        assert 1 < len(payload) <= max_payload_bytes
        unpacker.feed(payload)
    assert unpacker.take() == obus


@given(st.lists(st.sampled_from([0, 0, 0, 1, 2, 3, 4, 255]), min_size=1, max_size=40).map(bytes))
def test_emulation_prevention_can_be_taken_back(obu: bytes) -> None:
    escaped = escape(obu)
    assert b"\0\0\0" not in escaped
    assert b"\0\0\1" not in escaped
    assert b"\0\0\2" not in escaped
    # A zero at the end gets a byte after it that no decoder sees as part of the unit.
    assert unescape(escaped) in {obu, obu + b"\3"}
