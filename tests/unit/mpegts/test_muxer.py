from itertools import pairwise

import pytest
from tests.support.transport import packets_of

from headrace.mpegts.demuxer import Demuxer
from headrace.mpegts.metadata import Metadata, decode_metadata
from headrace.mpegts.muxer import METADATA_PID, PCR_LEAD_90KHZ, PMT_PID, Muxer
from headrace.mpegts.packet import PAT_PID, decode_packet, packet_pid
from headrace.mpegts.psi import REGISTRATION_DESCRIPTOR, Descriptor
from headrace.mpegts.stream_type import StreamType

AV = [StreamType.H264, StreamType.AAC_ADTS]


def test_each_call_gives_its_whole_frame() -> None:
    muxer, demuxer = Muxer(AV), Demuxer()
    for number in range(20):
        pts_90khz = 90_000 + number * 3_000
        [video] = demuxer.feed(muxer.write(0, b"v" * 3_000, pts_90khz, random_access=number == 0))
        [audio] = demuxer.feed(muxer.write(1, b"a" * 300, pts_90khz))
        assert (video.pts_90khz, len(video.payload), video.random_access) == (pts_90khz, 3_000, number == 0)
        assert (audio.pts_90khz, len(audio.payload)) == (pts_90khz, 300)
    assert demuxer.drops == {}


def test_a_keyframe_comes_after_tables_and_its_tags() -> None:
    muxer = Muxer(AV)
    muxer.write(0, b"first", 90_000, random_access=True)
    tags = [Metadata(title="a"), Metadata(data={"b": 1})]
    ts = muxer.write(0, b"second", 93_000, random_access=True, metadata=tags)
    assert [packet_pid(packet) for packet in packets_of(ts)] == [
        PAT_PID,
        PMT_PID,
        METADATA_PID,
        METADATA_PID,
        0x100,
    ]
    demuxer = Demuxer()
    found = demuxer.feed(ts)
    assert [decode_metadata(pes.payload) for pes in found[:2]] == tags
    assert {pes.pts_90khz for pes in found} == {93_000}


def test_tables_are_repeated_twice_a_second_without_keyframes() -> None:
    muxer = Muxer(AV)
    ts = b"".join(muxer.write(0, b"x", 90_000 + number * 3_000) for number in range(61))
    assert len(packets_of(ts, PAT_PID)) == len(packets_of(ts, PMT_PID)) == 5


@pytest.mark.parametrize("video_interval_90khz", [3_000, 9_000, 45_000])
def test_clock_references_are_at_most_40_ms_apart_and_never_go_back(video_interval_90khz: int) -> None:
    muxer = Muxer(AV)
    ts = b""
    for audio in range(200):
        pts_90khz = 90_000 + audio * 1_920
        ts += muxer.write(1, b"a", pts_90khz - 1_000)
        if audio * 1_920 // video_interval_90khz != (audio - 1) * 1_920 // video_interval_90khz:
            ts += muxer.write(0, b"v", 90_000 + audio * 1_920 // video_interval_90khz * video_interval_90khz)
    pcrs = [pcr for packet in packets_of(ts, 0x100) if (pcr := decode_packet(packet).pcr_27mhz) is not None]
    steps_27mhz = [later - earlier for earlier, later in pairwise(pcrs)]
    assert min(steps_27mhz) > 0
    assert max(steps_27mhz) <= 27_000 * 64
    assert len(pcrs) > 80


def test_the_clock_runs_ahead_of_the_decoding_time() -> None:
    packet = decode_packet(packets_of(Muxer(AV).write(0, b"v", 93_600, 90_000))[2])
    assert packet.pcr_27mhz == (90_000 - PCR_LEAD_90KHZ) * 300


def test_a_muxer_takes_one_to_three_streams() -> None:
    for types in ([], [StreamType.H264] * 4):
        with pytest.raises(ValueError, match="one to 3 streams"):
            Muxer(types)


def test_a_third_stream_stands_behind_the_metadata_with_its_descriptors() -> None:
    opus = (Descriptor(REGISTRATION_DESCRIPTOR, b"Opus"),)
    muxer = Muxer([StreamType.H264, StreamType.AAC_ADTS, StreamType.PRIVATE_DATA], {2: opus})
    demuxer = Demuxer()
    found = demuxer.feed(b"".join(muxer.write(index, bytes([index]) * 50, 90_000) for index in range(3)))
    assert [(pes.pid, pes.payload[0]) for pes in found] == [(0x100, 0), (0x101, 1), (0x103, 2)]
    by_pid = {stream.pid: stream for stream in demuxer.streams}
    assert sorted(by_pid) == [0x100, 0x101, 0x102, 0x103]
    assert by_pid[0x103].format_ids == (b"Opus",)


def test_av1_may_be_longer_than_a_length_can_say_and_sound_may_not() -> None:
    for name in (b"AV01", b"Opus"):
        muxer = Muxer([StreamType.PRIVATE_DATA], {0: (Descriptor(REGISTRATION_DESCRIPTOR, name),)})
        if name == b"AV01":
            assert len(muxer.write(0, bytes(70_000), 90_000)) > 70_000
        else:
            with pytest.raises(ValueError, match="only video may be"):
                muxer.write(0, bytes(70_000), 90_000)
