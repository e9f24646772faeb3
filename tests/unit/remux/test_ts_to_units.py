import itertools

import pytest
from tests.support.encoded_streams import encoded_stream, payloads_of
from tests.support.reordered import REFRESHED
from tests.support.streams import drawn_video
from tests.support.transport import packets_of, tables
from tests.unit.codecs.test_h264 import BASELINE

from headrace.codecs.annex_b import join_annex_b
from headrace.codecs.h264 import NalType, nal_type
from headrace.mpegts.muxer import Muxer
from headrace.mpegts.packet import packet_pid, split_into_packets
from headrace.mpegts.pes import encode_pes
from headrace.mpegts.psi import ElementaryStream
from headrace.mpegts.stream_type import StreamType
from headrace.remux.access_unit import AccessUnit, Codec
from headrace.remux.ts_to_units import TsToUnits

OPUS_TS = encoded_stream(50, audio="libopus")
PPS, IDR, SLICE = bytes.fromhex("68ce01a835c8"), b"\x65" + b"\xaa" * 300, b"\x41" + b"\xbb" * 300


def feed_all(ts: bytes) -> tuple[TsToUnits, list[AccessUnit]]:
    to_units = TsToUnits()
    return to_units, [unit for payload in payloads_of(ts) for unit in to_units.feed(payload)]


def last_packets(ts: bytes, pid: int) -> list[int]:
    """Return the number of the last packet of each PES packet of a PID but the last."""
    packets = packets_of(ts)
    mine = [at for at, packet in enumerate(packets) if packet_pid(packet) == pid]
    starts = [at for at in mine if packets[at][1] & 0x40]
    return [max(at for at in mine if at < start) for start in starts[1:]]


def is_stuffed(packet: bytes) -> bool:
    return bool(packet[3] & 0x20) and (packet[4] == 0 or packet[-1] == 0xFF or packet[4] > 7)


def test_each_picture_of_ours_comes_with_its_last_packet() -> None:
    to_units = TsToUnits()
    for ts in drawn_video(30):
        units = to_units.feed(ts)
        assert [unit.codec for unit in units] == [Codec.H264]
    assert to_units.drops == {}
    assert not to_units.has_reordering


def test_pictures_of_ffmpeg_come_with_their_last_packet_though_no_length_is_given() -> None:
    ts = OPUS_TS
    to_units, packets, ends = TsToUnits(), packets_of(ts), set(last_packets(ts, 0x100))
    early = late = 0
    for at, packet in enumerate(packets):
        pictures = [unit for unit in to_units.feed(packet) if unit.is_video]
        early += bool(pictures) and at in ends
        late += len(pictures) - (bool(pictures) and at in ends)
    # A picture that fills its packets to the last byte has no stuffing, and waits for the next one.
    assert early + late >= 49
    assert late <= 3
    assert to_units.drops == {}


def test_sound_and_pictures_have_their_times() -> None:
    to_units, units = feed_all(OPUS_TS)
    pictures = [unit for unit in units if unit.is_video]
    sounds = [unit for unit in units if not unit.is_video]
    assert to_units.codecs == {0x100: Codec.H264, 0x101: Codec.OPUS}
    assert {after.pts_90khz - before.pts_90khz for before, after in itertools.pairwise(pictures)} == {3_600}
    assert {after.pts_90khz - before.pts_90khz for before, after in itertools.pairwise(sounds)} == {1_800}
    assert [number for number, unit in enumerate(pictures) if unit.is_keyframe] == [0, 25]
    assert (to_units.sps_facts.width, to_units.sps_facts.height) == (320, 180) if to_units.sps_facts else False


def test_frames_of_aac_in_one_packet_are_parted_with_their_headers() -> None:
    to_units, units = feed_all(encoded_stream(50, audio="aac"))
    sounds = [unit for unit in units if unit.codec == Codec.AAC]
    steps = {after.pts_90khz - before.pts_90khz for before, after in itertools.pairwise(sounds)}
    assert steps == {1_920}
    assert all(unit.data[0].startswith(b"\xff\xf1") for unit in sounds)
    assert to_units.adts is not None
    assert to_units.adts.sample_rate_hz == 48_000


def test_keyframes_get_the_parameter_sets_that_came_once() -> None:
    muxer, to_units = Muxer([StreamType.H264]), TsToUnits()
    found: list[AccessUnit] = []
    for number, nals in enumerate([[BASELINE, PPS, IDR], [SLICE], [IDR]]):
        found += to_units.feed(muxer.write(0, join_annex_b(nals), 90_000 + number * 3_000, random_access=True))
    assert [[nal_type(nal) for nal in unit.data] for unit in found] == [[7, 8, 5], [1], [7, 8, 5]]
    assert [unit.is_keyframe for unit in found] == [True, False, True]
    assert NalType.SPS in {nal_type(nal) for nal in found[2].data}


def test_b_frames_are_seen() -> None:
    to_units, units = feed_all(
        encoded_stream(60, audio=None, video_options={"preset": "fast", "bf": "2", "g": "50"})
    )
    assert to_units.has_reordering
    assert any(unit.dts_90khz < unit.pts_90khz for unit in units)
    assert [unit.dts_90khz for unit in units] == sorted(unit.dts_90khz for unit in units)


def test_a_producer_that_comes_back_without_b_frames_is_believed_at_its_first_keyframe() -> None:
    options = {"preset": "fast", "g": "50", "b-adapt": "0"}
    with_some, without = (
        encoded_stream(30, audio=None, video_options=options | {"bf": count}) for count in ("2", "0")
    )
    to_units, _ = feed_all(with_some)
    assert to_units.notice is not None
    for payload in payloads_of(without):
        to_units.feed(payload)
    assert to_units.notice is None
    for payload in payloads_of(with_some):
        to_units.feed(payload)
    assert to_units.has_reordering


def test_a_stream_that_is_refreshed_little_by_little_begins_with_recovery_points_and_is_told_of() -> None:
    packets = payloads_of(encoded_stream(75, audio=None, video_options=REFRESHED))
    whole, _ = feed_all(b"".join(packets))
    # The first picture was one, three seconds ago.
    assert whole.notice is None
    to_units = TsToUnits()
    # Somebody who comes later has the tables, and no IDR picture.
    to_units.feed(packets[0][: 3 * 188])
    to_units.handle_gap()
    units = [unit for payload in packets[len(packets) // 4 :] for unit in to_units.feed(payload)]
    assert [unit.pts_90khz - units[0].pts_90khz for unit in units if unit.is_keyframe]
    assert all(nal_type(nal) != NalType.IDR_SLICE for unit in units for nal in unit.data)
    assert to_units.starts_gradually
    assert to_units.notice is not None
    assert "IDR" in to_units.notice
    (key, *_) = [unit for unit in units if unit.is_keyframe]
    assert {NalType.SPS, NalType.PPS} <= {nal_type(nal) for nal in key.data}


def test_a_recovery_point_without_its_parameters_is_nothing_to_begin_with() -> None:
    muxer, to_units = Muxer([StreamType.H264]), TsToUnits()
    recovery_point = b"\x06\x06\x01\xc0\x80"
    (unit,) = to_units.feed(muxer.write(0, join_annex_b([recovery_point, SLICE]), 90_000, random_access=True))
    assert (unit.is_keyframe, to_units.starts_gradually) == (False, False)


def test_after_a_lost_packet_the_next_picture_says_so() -> None:
    packets = packets_of(OPUS_TS)
    middle = last_packets(OPUS_TS, 0x100)[10]
    _, units = feed_all(b"".join(packets[:middle] + packets[middle + 1 :]))
    pictures = [unit for unit in units if unit.is_video]
    assert len(pictures) >= 47
    assert [number for number, unit in enumerate(pictures) if unit.is_discontinuous] == [10]


def test_after_a_gap_what_was_not_whole_is_thrown_away() -> None:
    to_units = TsToUnits()
    muxer = Muxer([StreamType.H264])
    pictures = [muxer.write(0, join_annex_b([SLICE]), 90_000 + number * 3_000) for number in range(3)]
    to_units.feed(pictures[0])
    assert to_units.feed(pictures[1][:188]) == []
    to_units.handle_gap()
    (unit,) = to_units.feed(pictures[2])
    assert (unit.pts_90khz, unit.is_discontinuous) == (96_000, True)


def test_a_muxer_that_stuffs_in_the_middle_of_a_picture_loses_one_and_is_not_believed_again() -> None:
    streams = (ElementaryStream(StreamType.H264, 0x100),)
    to_units, counter, found = TsToUnits(), 15, []
    to_units.feed(tables(streams=streams))
    for number in range(6):
        pes = encode_pes(0xE0, join_annex_b([SLICE]), 90_000 + number * 3_000, bounded=False)
        for start in (0, 100):
            ts, counter = split_into_packets(0x100, counter, pes[start : start + 100] if not start else pes[100:])
            if start:
                ts = b"".join(p[:1] + bytes([p[1] & 0xBF]) + p[2:] for p in packets_of(ts))
            found += to_units.feed(ts)
    assert [len(unit.data[0]) for unit in found][1:] == [301] * 4
    assert to_units.drops["stuffing_within_pes"] == 1


def test_times_go_on_through_the_wrap_for_all_streams_alike() -> None:
    muxer, to_units = Muxer([StreamType.H264, StreamType.AAC_ADTS]), TsToUnits()
    start = (1 << 33) - 3_000
    found: list[AccessUnit] = []
    for number in range(3):
        found += to_units.feed(muxer.write(0, join_annex_b([IDR]), start + number * 3_000))
    assert [unit.pts_90khz for unit in found] == [start, 1 << 33, (1 << 33) + 3_000]


def test_video_that_browsers_do_not_know_is_named() -> None:
    to_units = TsToUnits()
    to_units.feed(encoded_stream(5, video="mpeg2video", audio=None, video_options={"g": "5"}))
    assert to_units.unknown_video_type == StreamType.MPEG2_VIDEO
    assert to_units.codecs == {}


@pytest.mark.parametrize("size", [1, 17, 188, 1_000])
def test_chunks_of_any_size_give_the_same(size: int) -> None:
    ts = OPUS_TS[: 188 * 200]
    to_units = TsToUnits()
    units = [unit for at in range(0, len(ts), size) for unit in to_units.feed(ts[at : at + size])]
    assert units == feed_all(ts)[1]
