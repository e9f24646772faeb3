"""Producers die, come back, take over and stand by; real programs that watch see one stream.

What ffmpeg recorded has to decode without a complaint. A picture that a SIGKILL cut in two while it was being
sent is the one exception: the broker has sent on its first half before anybody could know.
"""

import signal
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.support.audience import Audience, ClipPublisher
from tests.support.headrace_commands import Headrace
from tests.support.processes import BrokerProgram, Program
from tests.support.programs import find_program
from tests.support.recordings import (
    Run,
    Unit,
    complaints,
    continuity_errors,
    decode,
    decoded_pictures,
    runs,
    shifts_ms,
    steps_back,
    units,
)
from tests.support.srt_programs import PACKET_BYTES

pytestmark = [pytest.mark.interop, pytest.mark.long]

CLIP_SECONDS = 40
"""The standby outlasts the starts of five programs on a busy machine."""
GROUP = 25
"""Pictures from keyframe to keyframe. Of each producer twice as many are decoded before the next one comes."""
SHAPES = {
    "plain": ("testsrc2=size=320x180:rate=25", "0", 440),
    "plain_again": ("testsrc=size=320x180:rate=25", "0", 550),
    "reordered": ("testsrc2=size=256x144:rate=25", "2", 660),
    "reordered_again": ("testsrc=size=256x144:rate=25", "2", 770),
}
"""Pictures, B-frames and the tone of each clip. Every picture and nearly every frame of sound is unique."""
PATTERN_WIDTH = 192
PATTERN = ("--test", "--size", "192x108", "--rate", "25", "--bitrate", "300", "--keyframes", "1")
PAUSE_SECONDS = 10.0
MAX_SHIFT_MS = 40.0
MAX_SETTLING_SOUNDS = 12
"""A quarter of a second after each seam: ffmpeg moves what comes first, which may be sound, to where the stream of
that kind ended, and only with the first picture knows the new clock."""
MAX_PAUSE_SECONDS = 2.5
"""500 ms, the granularity of what srt-live-transmit writes, and a busy machine."""


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("clips")
    command = [find_program("ffmpeg"), "-v", "error"]
    for picture, _, tone in SHAPES.values():
        command += ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", f"sine=frequency={tone}"]
    for number, (name, (_, b_frames, _)) in enumerate(SHAPES.items()):
        command += ["-map", f"{2 * number}", "-map", f"{2 * number + 1}", "-t", str(CLIP_SECONDS)]
        command += ["-c:v", "libx264", "-preset", "ultrafast", "-bf", b_frames, "-g", str(GROUP)]
        command += ["-sc_threshold", "0", "-b:v", "300k", "-c:a", "aac", str(folder / f"{name}.ts")]
    with Program(command, folder, "make_clips") as ffmpeg:
        assert ffmpeg.wait(60) == 0, ffmpeg.log
    return {name: folder / f"{name}.ts" for name in SHAPES}


@pytest.fixture(scope="module")
def clip_units(clips: dict[str, Path]) -> dict[str, list[Unit]]:
    return {name: units(path) for name, path in clips.items()}


def pattern(broker: BrokerProgram, folder: Path, *options: str) -> Headrace:
    return Headrace(folder, "produce", "A", "--broker", f"{broker.host}:{broker.port}", *PATTERN, *options)


def check(
    audience: Audience, clip_units: dict[str, list[Unit]], *, seams: int, may_be_cut: bool = False
) -> list[Run]:
    """Check what was recorded; return the pictures that ``srt-live-transmit`` got.

    Args:
        audience: Has seen all.
        clip_units: Of all clips.
        seams: So often another producer went on the air.
        may_be_cut: A producer was killed. Where a picture of no clip is found, decoders may complain.
    """
    transmitted, recorded = audience.recordings()
    got, again = units(transmitted), units(recorded)
    seen = runs(got, clip_units)
    print(seen, f"longest pause: {audience.longest_pause_seconds:.2f} s")
    pictures = [unit.digest for unit in got if unit.kind == "video"]
    assert len(set(pictures)) == len(pictures), "a picture has come twice"
    check_sound(shifts_ms(again, got), seams=seams)
    is_cut = may_be_cut and any(not run.clip for run in seen)
    for path, found in ((transmitted, got), (recorded, again)):
        assert continuity_errors(path) == 0
        assert steps_back(path) == []
        assert is_cut or decode(path) == []
        sent_pictures = sum(unit.kind == "video" for unit in found)
        assert sent_pictures - seams <= decoded_pictures(path).total() <= sent_pictures
    assert audience.recorder.log == ""
    assert is_cut or complaints(audience.decoder.log) == []
    return seen


def check_sound(shifts: list[float], *, seams: int) -> None:
    near = [abs(shift) for shift in shifts if abs(shift) <= MAX_SHIFT_MS]
    far = len(shifts) - len(near)
    print(f"{len(shifts)} frames of sound: all but {far} within {max(near):.1f} ms of their picture")
    assert len(near) > 100
    assert far <= seams * MAX_SETTLING_SOUNDS


def test_a_killed_ffmpeg_that_is_started_again_is_seen_in_the_same_subscriptions(
    clips: dict[str, Path], clip_units: dict[str, list[Unit]], tmp_path: Path
) -> None:
    with BrokerProgram(tmp_path) as broker, ExitStack() as programs:
        producer = programs.enter_context(ClipPublisher(broker, clips["plain"]))
        broker.wait_for("producer on the air")
        audience = programs.enter_context(Audience(broker, tmp_path))
        audience.see_producer(1)
        for number, name in enumerate(("plain_again", "reordered", "reordered_again"), 2):
            producer.kill()
            time.sleep(1)
            producer = programs.enter_context(ClipPublisher(broker, clips[name]))
            audience.see_producer(number)
        seen = check(audience, clip_units, seams=3, may_be_cut=True)
    assert_all_seen(seen, list(SHAPES))
    assert sum(run.pictures for run in seen if not run.clip) <= 3, "a kill cuts one picture"


def test_streams_go_on_when_the_next_producer_is_of_another_make(
    clips: dict[str, Path], clip_units: dict[str, list[Unit]], tmp_path: Path
) -> None:
    with BrokerProgram(tmp_path) as broker, ExitStack() as programs:
        producer: Program = programs.enter_context(ClipPublisher(broker, clips["reordered"], first_pid=0x300))
        broker.wait_for("producer on the air")
        audience = programs.enter_context(Audience(broker, tmp_path))
        audience.see_producer(1)
        producer.kill()
        producer = programs.enter_context(pattern(broker, tmp_path))
        audience.see_producer(2)
        producer.kill()
        programs.enter_context(ClipPublisher(broker, clips["plain"], first_pid=0x200))
        audience.see_producer(3)
        seen = check(audience, clip_units, seams=2, may_be_cut=True)
    assert_all_seen(seen, ["reordered", "plain"])
    for path in audience.files:
        widths = decoded_pictures(path)
        assert widths.keys() == {256, PATTERN_WIDTH, 320}
        assert min(widths.values()) >= GROUP


def test_a_takeover_loses_no_picture_and_shows_none_twice(
    clips: dict[str, Path], clip_units: dict[str, list[Unit]], tmp_path: Path
) -> None:
    with BrokerProgram(tmp_path) as broker, ExitStack() as programs:
        programs.enter_context(ClipPublisher(broker, clips["plain"]))
        broker.wait_for("producer on the air")
        audience = programs.enter_context(Audience(broker, tmp_path))
        source = [find_program("gst-launch-1.0"), "-q", "srtsrc", f"uri={broker.url('A')}", "!", "fdsink"]
        gstreamer = programs.enter_context(Program(source, tmp_path, "gstreamer"))
        audience.see_producer(1)
        programs.enter_context(ClipPublisher(broker, clips["reordered"], "takeover=1", first_pid=0x200))
        audience.see_producer(2)
        programs.enter_context(ClipPublisher(broker, clips["reordered_again"], "takeover=1", first_pid=0x101))
        audience.see_producer(3)
        programs.enter_context(pattern(broker, tmp_path, "--takeover"))
        audience.see_producer(4)
        assert gstreamer.process.poll() is None
        gstreamer.stop()
        seen = check(audience, clip_units, seams=3)
    assert [run.clip for run in seen] == ["plain", "reordered", "reordered_again", ""]
    assert all(run.first % GROUP == 0 and run.pictures >= GROUP for run in seen)
    assert broker.log.count("cause=takeover") == 3
    assert_same_bytes(gstreamer.output.read_bytes(), audience.transmit.output.read_bytes())


def test_ten_seconds_without_a_producer_end_no_subscription(
    clips: dict[str, Path], clip_units: dict[str, list[Unit]], tmp_path: Path
) -> None:
    with BrokerProgram(tmp_path) as broker, ExitStack() as programs:
        producer = programs.enter_context(ClipPublisher(broker, clips["reordered"]))
        broker.wait_for("producer on the air")
        audience = programs.enter_context(Audience(broker, tmp_path))
        audience.see_producer(1)
        producer.process.send_signal(signal.SIGSTOP)  # unlike a killed one it is gone only after the peer timeout
        time.sleep(PAUSE_SECONDS)
        assert "reason=timeout" in broker.log
        programs.enter_context(ClipPublisher(broker, clips["reordered_again"]))
        audience.see_producer(2)
        producer.kill()
        seen = check(audience, clip_units, seams=1, may_be_cut=True)
    assert_all_seen(seen, ["reordered", "reordered_again"])
    assert audience.longest_pause_seconds >= PAUSE_SECONDS


def test_a_standby_is_seen_soon_after_the_first_was_killed_or_stopped(
    clips: dict[str, Path], clip_units: dict[str, list[Unit]], tmp_path: Path
) -> None:
    with BrokerProgram(tmp_path) as broker, ExitStack() as programs:
        first = programs.enter_context(ClipPublisher(broker, clips["reordered"]))
        broker.wait_for("producer on the air")
        programs.enter_context(ClipPublisher(broker, clips["plain"], "standby=1"))
        broker.wait_for("producer connected", count=2)
        audience = programs.enter_context(Audience(broker, tmp_path))
        audience.see_producer(1)
        first.process.send_signal(signal.SIGSTOP)
        audience.see_producer(2)
        first.kill()
        again = programs.enter_context(ClipPublisher(broker, clips["reordered_again"]))
        audience.see_producer(3)
        again.kill()
        audience.see_producer(4)
        seen = check(audience, clip_units, seams=3, may_be_cut=True)
    assert [run.clip for run in seen if run.clip] == ["reordered", "plain", "reordered_again", "plain"]
    assert broker.log.count("cause=silence") == 2
    assert audience.longest_pause_seconds <= MAX_PAUSE_SECONDS


def assert_all_seen(seen: list[Run], names: list[str]) -> None:
    whole = [run for run in seen if run.clip]
    assert [run.clip for run in whole] == names
    assert all(run.pictures >= GROUP for run in whole)
    assert all(run.first == 0 for run in whole[1:])


def assert_same_bytes(one: bytes, other: bytes) -> None:
    """Compare two recordings that began and ended at different times."""
    late, early = (one, other) if one[:PACKET_BYTES] in other else (other, one)
    early = early[early.index(late[:PACKET_BYTES]) :]
    length = min(len(late), len(early))
    assert length > 300_000
    assert late[:length] == early[:length]
