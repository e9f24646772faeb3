import io
import os
import subprocess
import threading
from pathlib import Path

import pytest
from tests.support.fake_clock import FakeClock
from tests.support.programs import find_program
from tests.support.transport import small_stream

from headrace.media.decoder import MetadataReceived, StreamDecoder
from headrace.media.errors import MediaError
from headrace.media.pass_through import MAX_UNSYNCHRONISED_BYTES, PassThrough


def test_without_metadata_every_byte_passes() -> None:
    ts = small_stream(50)
    assert b"".join(PassThrough(io.BytesIO(ts), clock=FakeClock())) == ts


def test_a_file_is_sent_at_its_own_speed() -> None:
    clock = FakeClock()
    stream = PassThrough(io.BytesIO(small_stream(50)), clock=clock)
    list(stream)
    assert sum(clock.waits_us) == 49 * 40_000
    unpaced = FakeClock()
    list(PassThrough(io.BytesIO(small_stream(50)), pace=False, clock=unpaced))
    assert unpaced.waits_us == []


def test_title_and_facts_come_with_keyframes_and_data_with_the_next_frame() -> None:
    stream = PassThrough(io.BytesIO(small_stream(20)), title="t", facts={"a": "b"}, clock=FakeClock())
    decoder = StreamDecoder(decode_video=False)
    events = []
    for number, ts in enumerate(stream):
        events += decoder.feed(ts)
        if number == 6:  # The tables before the first clock reference are a piece of their own.
            stream.send_metadata({"x": 1})
    tags = [event for event in events if isinstance(event, MetadataReceived)]
    titled = [event.pts_90khz for event in tags if event.metadata.title == "t"]
    assert titled == [90_000, 108_000, 126_000, 144_000]
    [data] = [event for event in tags if event.metadata.data]
    assert (data.metadata.data, data.pts_90khz) == ({"x": 1}, 90_000 + 6 * 3_600)
    assert stream.counters.video_frames == 20


def test_frames_and_time_are_counted_without_metadata_too() -> None:
    stream = PassThrough(io.BytesIO(small_stream(50)), clock=FakeClock())
    list(stream)
    assert (stream.counters.video_frames, stream.counters.media_time_us) == (50, 49 * 40_000)


def test_what_is_no_transport_stream_is_refused() -> None:
    for size_bytes in (1000, MAX_UNSYNCHRONISED_BYTES + 50_000):
        with pytest.raises(MediaError, match="not MPEG-TS"):
            list(PassThrough(io.BytesIO(bytes(size_bytes)), clock=FakeClock()))
    assert list(PassThrough(io.BytesIO(b""), clock=FakeClock())) == []


def test_a_pipe_gives_what_it_has_and_a_stop_is_heard_while_it_is_silent() -> None:
    reading, writing = os.pipe()
    ts = small_stream(1)
    with open(reading, "rb") as pipe, open(writing, "wb", buffering=0) as sender:
        stream = PassThrough(pipe)
        sender.write(ts)
        iterator = iter(stream)
        assert next(iterator) == ts[: 188 * 2]
        threading.Timer(0.02, stream.stop).start()
        rest = b"".join(iterator)
        assert rest in (ts[188 * 2 :], b"")


@pytest.mark.interop
def test_a_stream_of_ffmpegs_gets_timed_id3(tmp_path: Path) -> None:
    ffmpeg, ffprobe = find_program("ffmpeg"), find_program("ffprobe")
    inputs = (
        "-f lavfi -i testsrc2=d=2:s=160x120 -f lavfi -i sine=d=2 -c:v libx264 -g 25 -preset ultrafast -c:a aac"
    )
    made = subprocess.run(
        [ffmpeg, "-v", "error", *inputs.split(), "-f", "mpegts", "-"], capture_output=True, check=True
    )
    stream = PassThrough(io.BytesIO(made.stdout), title="Passed", clock=FakeClock())
    path = tmp_path / "out.ts"
    path.write_bytes(b"".join(stream))
    run = subprocess.run([ffmpeg, "-v", "error", "-i", path, "-f", "null", "-"], capture_output=True, check=True)
    assert run.stderr == b""
    shown = subprocess.run(
        [ffprobe, "-v", "error", "-show_packets", "-show_data", "-show_streams", path],
        capture_output=True,
        check=True,
    )
    assert b"codec_name=timed_id3" in shown.stdout
    assert b"TIT2" in shown.stdout
    decoder = StreamDecoder()
    events = decoder.feed(path.read_bytes()) + decoder.flush()
    assert (decoder.video_frames, decoder.errors, decoder.drops) == (50, {}, {})
    assert sum(isinstance(event, MetadataReceived) for event in events) == 2
