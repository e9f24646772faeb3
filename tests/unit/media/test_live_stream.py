import subprocess
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import pytest
from tests.support.fake_clock import FakeClock
from tests.support.pictures import DrawnSource
from tests.support.programs import find_program

from headrace.media.decoder import AudioFrameDecoded, MetadataReceived, StreamDecoder, VideoFrameDecoded
from headrace.media.encoder import EncoderSettings
from headrace.media.ffmpeg_input import open_video_file
from headrace.media.frames_folder import FramesFolder
from headrace.media.live_stream import BASE_90KHZ, MAX_LATE_US, LiveStream
from headrace.media.source import TimedFrame
from headrace.remux.access_unit import Codec
from headrace.remux.ts_to_units import TsToUnits

SAMPLES = Path(__file__).parents[3] / "samples"


def test_pictures_and_sound_can_be_decoded_with_their_times() -> None:
    clock = FakeClock()
    stream = LiveStream(DrawnSource(50, sound=True), clock=clock)
    decoder = StreamDecoder()
    events = [event for ts in stream for event in decoder.feed(ts)] + decoder.flush()
    pictures = [event.pts_90khz for event in events if isinstance(event, VideoFrameDecoded)]
    assert pictures == [BASE_90KHZ + 3_600 * number for number in range(50)]
    assert sum(event.samples for event in events if isinstance(event, AudioFrameDecoded)) >= 92 * 1024
    assert (decoder.errors, decoder.drops) == ({}, {})
    assert sum(clock.waits_us) == 49 * 40_000


@pytest.mark.parametrize("has_opus", [True, False])
def test_opus_stands_beside_the_aac_for_browsers_unless_it_is_not_wanted(*, has_opus: bool) -> None:
    to_units = TsToUnits()
    stream = LiveStream(DrawnSource(50, sound=True), EncoderSettings(has_opus=has_opus), clock=FakeClock())
    units = [unit for ts in stream for unit in to_units.feed(ts) if not unit.is_video]
    assert list(to_units.codecs.values()) == [Codec.H264, Codec.AAC, *([Codec.OPUS] if has_opus else [])]
    last = {unit.codec: unit.pts_90khz - BASE_90KHZ for unit in units}
    # Of 180000: what has not come is still in the encoder.
    assert last.pop(Codec.AAC) >= 180_000 - 4 * 1_920
    assert last == ({Codec.OPUS: 180_000 - 1_800 - 225} if has_opus else {})
    assert stream.counters.audio_frames == sum(unit.codec is Codec.AAC for unit in units)
    assert to_units.drops == {}


def test_each_picture_comes_out_in_its_own_turn() -> None:
    clock = FakeClock()
    start_us = clock.time_us
    decoder = StreamDecoder()
    for number, ts in enumerate(LiveStream(DrawnSource(20), clock=clock)):
        assert len(ts) % 188 == 0
        assert clock.time_us == start_us + number * 40_000
        events = decoder.feed(ts)
        pictures = [event for event in events if isinstance(event, VideoFrameDecoded)]
        assert [picture.pts_90khz for picture in pictures] == [BASE_90KHZ + number * 3_600]


def test_a_capture_stamp_has_the_time_and_the_pts_of_its_picture() -> None:
    clock = FakeClock(unix_start_us=1_700_000_000_000_000)
    decoder = StreamDecoder()
    stream = LiveStream(DrawnSource(75), title="t", facts={"a": "b"}, clock=clock)
    events = [event for ts in stream for event in decoder.feed(ts)]
    tags = [event for event in events if isinstance(event, MetadataReceived)]
    for tag in tags:
        assert tag.pts_90khz is not None
        media_us = (tag.pts_90khz - BASE_90KHZ) * 100 // 9
        assert tag.metadata.capture_unix_us == 1_700_000_000_000_000 + media_us
    assert len(tags) == 20
    full = [
        event.pts_90khz for event in tags if event.metadata.title == "t" and event.metadata.facts == {"a": "b"}
    ]
    keyframes = [event.pts_90khz for event in events if isinstance(event, VideoFrameDecoded) and event.key_frame]
    assert full == keyframes == [BASE_90KHZ, BASE_90KHZ + 180_000]


def test_data_from_another_thread_goes_with_the_next_picture() -> None:
    stream = LiveStream(DrawnSource(10), clock=FakeClock())
    decoder = StreamDecoder()
    found = []
    for number, ts in enumerate(stream):
        found += [
            event for event in decoder.feed(ts) if isinstance(event, MetadataReceived) and event.metadata.data
        ]
        if number == 4:
            sender = threading.Thread(target=stream.send_metadata, args=({"goal": 1},))
            sender.start()
            sender.join()
    assert [(event.metadata.data, event.pts_90khz) for event in found] == [({"goal": 1}, BASE_90KHZ + 5 * 3_600)]


class SlowSource(DrawnSource):
    """A source that takes its time for each frame."""

    def __init__(self, clock: FakeClock, cost_us: int, pictures: int) -> None:
        super().__init__(pictures)
        self._clock = clock
        self._cost_us = cost_us

    def frames(self) -> Iterator[TimedFrame]:
        for item in super().frames():
            self._clock.time_us += self._cost_us
            yield item


def test_a_slow_machine_drops_pictures_and_shows_two_a_second_at_least() -> None:
    clock = FakeClock()
    stream = LiveStream(SlowSource(clock, 45_000, 250), clock=clock)
    sent = list(stream)
    counters = stream.counters
    assert counters.video_frames == len(sent)
    assert counters.video_frames + counters.dropped_frames == 250
    assert MAX_LATE_US < 250 * 5_000 - 100_000
    assert counters.dropped_frames > 100
    assert counters.video_frames >= 2 * 10


def test_a_machine_that_is_much_too_slow_goes_on_from_now() -> None:
    clock = FakeClock()
    stream = LiveStream(SlowSource(clock, 400_000, 30), clock=clock)
    list(stream)
    assert stream.counters.reanchors >= 4


def test_a_frame_rate_that_is_asked_for_is_kept() -> None:
    for rate, expected in ((25, 100), (10, 40), (60, 100), (24, 96)):
        stream = LiveStream(DrawnSource(100), EncoderSettings(frame_rate=Fraction(rate)), clock=FakeClock())
        list(stream)
        assert abs(stream.counters.video_frames - expected) <= 2, rate


def test_a_loop_has_no_seam() -> None:
    stream = LiveStream(DrawnSource(10, sound=True), loop=True, clock=FakeClock())
    decoder = StreamDecoder()
    events = [event for ts in islice(stream, 60) for event in decoder.feed(ts)]
    pictures = [event.pts_90khz for event in events if isinstance(event, VideoFrameDecoded)]
    assert pictures == [BASE_90KHZ + 3_600 * number for number in range(len(pictures))]
    assert len(pictures) > 25
    assert (decoder.errors, decoder.drops) == ({}, {})


def test_stopping_ends_the_stream_and_closes_the_source() -> None:
    source = DrawnSource(10)
    stream = LiveStream(source, loop=True, clock=FakeClock())
    for number, _ in enumerate(stream):
        if number == 3:
            stream.stop()
        assert number <= 3
    assert source.closed == 1


def test_a_stop_interrupts_the_wait_for_a_frame() -> None:
    source = DrawnSource(2)
    source.info = type(source.info)(64, 48, Fraction(1, 60), has_audio=False)
    stream = LiveStream(source)
    pictures = iter(stream)
    assert next(pictures)
    threading.Timer(0.05, stream.stop).start()
    began_s = time.monotonic()
    assert list(pictures) == []
    assert time.monotonic() - began_s < 30


def test_a_live_source_is_not_waited_for_and_stamped_on_arrival() -> None:
    clock = FakeClock()
    stream = LiveStream(DrawnSource(5, live=True), clock=clock)
    assert len(list(stream)) == 5
    assert clock.waits_us == []


@pytest.mark.parametrize("kind", ["folder", "clip"])
def test_the_samples_can_be_streamed(kind: str) -> None:
    if kind == "folder":
        source = FramesFolder(SAMPLES / "frames", SAMPLES / "audio", 10)
        stream = LiveStream(source, loop=True, clock=FakeClock())
    else:
        stream = LiveStream(open_video_file(SAMPLES / "clip.mp4"), EncoderSettings(height=180), clock=FakeClock())
    decoder = StreamDecoder()
    for ts in islice(stream, 500):
        decoder.feed(ts)
    assert decoder.video_frames > 50
    assert decoder.audio_frames > 150
    assert (decoder.errors, decoder.drops) == ({}, {})
    assert stream.counters.dropped_frames == 0


@pytest.mark.interop
def test_ffmpeg_decodes_the_stream_without_a_word(tmp_path: Path) -> None:
    ffmpeg, ffprobe = find_program("ffmpeg"), find_program("ffprobe")
    path = tmp_path / "live.ts"
    stream = LiveStream(DrawnSource(100, sound=True), title="Weir", facts={"place": "bridge"}, clock=FakeClock())
    path.write_bytes(b"".join(stream))
    run = subprocess.run([ffmpeg, "-v", "error", "-i", path, "-f", "null", "-"], capture_output=True, check=True)
    assert run.stderr == b""
    entries = ["-show_entries", "stream=codec_name,has_b_frames", "-of", "csv=p=0"]
    shown = subprocess.run([ffprobe, "-v", "error", *entries, path], capture_output=True, check=True, text=True)
    assert {"h264,0", "aac", "timed_id3"} <= set(shown.stdout.split())
    packets = ["-show_packets", "-select_streams", "d", "-show_entries", "packet=pts,data", "-show_data"]
    tags = subprocess.run([ffprobe, "-v", "error", *packets, path], capture_output=True, check=True, text=True)
    assert "pts=90000" in tags.stdout
    assert "TIT2" in tags.stdout
    with av.open(str(path)) as container:
        tag = next(container.demux(container.streams.data[0]))
        assert bytes(tag)[:3] == b"ID3"
