import subprocess

import pytest
from tests.support.fake_clock import FakeClock
from tests.support.pictures import DrawnSource
from tests.support.programs import find_program
from tests.support.transport import packets_of, tables

from headrace.media.decoder import AudioFrameDecoded, MetadataReceived, StreamDecoder, VideoFrameDecoded
from headrace.media.live_stream import LiveStream
from headrace.mpegts.metadata import Metadata, encode_metadata
from headrace.mpegts.packet import split_into_packets
from headrace.mpegts.pes import PTS_MODULUS_90KHZ, encode_pes
from headrace.mpegts.timed_id3 import timed_id3_stream


def live_ts(pictures: int = 60) -> bytes:
    return b"".join(LiveStream(DrawnSource(pictures, sound=True), clock=FakeClock()))


def test_a_joiner_in_the_middle_starts_at_a_keyframe_without_errors() -> None:
    decoder = StreamDecoder()
    packets = packets_of(live_ts(120))
    events = decoder.feed(b"".join(packets[len(packets) // 4 :])) + decoder.flush()
    pictures = [event for event in events if isinstance(event, VideoFrameDecoded)]
    assert pictures[0].key_frame
    assert len(pictures) == 70
    assert decoder.errors == {}
    assert 0 < decoder.skipped_frames < 50


def test_a_lost_packet_is_counted_and_decoding_goes_on() -> None:
    packets = packets_of(live_ts())
    starts_of_pictures = [at for at, packet in enumerate(packets) if packet[1:3] == b"\x41\x00"]
    del packets[starts_of_pictures[30]]
    decoder = StreamDecoder()
    decoder.feed(b"".join(packets))
    decoder.flush()
    assert decoder.drops["continuity_error"] == 1
    assert decoder.video_frames == 59
    assert decoder.errors == {}


def test_video_or_audio_may_be_left_alone() -> None:
    silent = StreamDecoder(decode_audio=False)
    assert not [event for event in silent.feed(live_ts()) if isinstance(event, AudioFrameDecoded)]
    blind = StreamDecoder(decode_video=False)
    assert not [event for event in blind.feed(live_ts()) if isinstance(event, VideoFrameDecoded)]
    assert blind.audio_frames > 100


@pytest.mark.parametrize("prefix", [b"", b"\0\1\2\3\4"])
def test_a_tag_may_have_an_access_unit_header(prefix: bytes) -> None:
    decoder = StreamDecoder()
    decoder.feed(tables(streams=(timed_id3_stream(0x150),)))
    pes = encode_pes(0xBD, prefix + encode_metadata(Metadata(title="t")), PTS_MODULUS_90KHZ + 5)
    assert decoder.feed(split_into_packets(0x150, 15, pes)[0]) == [MetadataReceived(Metadata(title="t"), 5)]


def test_a_damaged_tag_is_counted() -> None:
    decoder = StreamDecoder()
    decoder.feed(tables(streams=(timed_id3_stream(0x150),)))
    assert decoder.feed(split_into_packets(0x150, 15, encode_pes(0xBD, b"rubbish", 0))[0]) == []
    assert decoder.errors == {"no_id3_tag": 1}


def test_damaged_video_says_nothing_on_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    ts = bytearray(live_ts())
    for at in range(5_000, len(ts), 701):
        if at % 188 > 20:
            ts[at] ^= 0x55
    decoder = StreamDecoder()
    decoder.feed(bytes(ts))
    decoder.flush()
    assert sum(decoder.errors.values()) > 0
    assert capfd.readouterr() == ("", "")


@pytest.mark.interop
@pytest.mark.parametrize(
    ("video", "audio"),
    [("mpeg2video", "mp2"), ("libx264 -bf 2", "libmp3lame"), ("libx265 -x265-params log-level=none", "ac3")],
)
def test_streams_of_other_codecs_are_decoded(video: str, audio: str) -> None:
    ffmpeg = find_program("ffmpeg")
    inputs = f"-f lavfi -i testsrc2=d=1:s=160x120 -f lavfi -i sine=d=1 -c:v {video} -c:a {audio} -f mpegts -"
    made = subprocess.run([ffmpeg, "-v", "error", *inputs.split()], capture_output=True, check=True)
    decoder = StreamDecoder()
    events = decoder.feed(made.stdout) + decoder.flush()
    pictures = [event.pts_90khz for event in events if isinstance(event, VideoFrameDecoded)]
    assert len(pictures) == 25
    assert pictures == [(pictures[0] or 0) + 3_600 * number for number in range(25)]
    assert decoder.audio_frames > 20
    assert (decoder.errors, decoder.drops) == ({}, {})


@pytest.mark.interop
def test_a_picture_is_not_held_until_the_next() -> None:
    ffmpeg = find_program("ffmpeg")
    arguments = "-f lavfi -i testsrc2=d=1:s=160x120 -c:v mpeg2video -bf 0 -f mpegts -"
    made = subprocess.run([ffmpeg, "-v", "error", *arguments.split()], capture_output=True, check=True)
    decoder = StreamDecoder()
    decoder.feed(made.stdout)
    # FFmpeg gives no length to video, so only the end of the stream ends the last of 25.
    assert decoder.video_frames == 24
