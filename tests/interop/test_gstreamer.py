"""GStreamer's srtsink and srtsrc on the broker."""

from pathlib import Path

import pytest
from tests.support.processes import BrokerProgram, Program, wait_until
from tests.support.programs import find_program
from tests.support.srt_programs import FileSubscriber, PacedPublisher, decoded_frames, make_clip

pytestmark = pytest.mark.interop


def test_gstreamer_publishes_and_subscribes(tmp_path: Path) -> None:
    launch = [find_program("gst-launch-1.0"), "-q"]
    clip = make_clip(tmp_path / "clip.ts", 3)
    with BrokerProgram(tmp_path) as broker:
        source = [*launch, "srtsrc", f"uri={broker.url('A')}", "!", "fdsink"]
        with Program(source, tmp_path, "srtsrc") as gstreamer, FileSubscriber(broker, tmp_path, "file") as file:
            broker.wait_for("subscriber connected", count=2)
            sink = ["filesrc", f"location={clip}", "!", "tsparse", "set-timestamps=true", "!", "srtsink"]
            with Program([*launch, *sink, f"uri={broker.url('publish:A')}"], tmp_path, "srtsink") as publisher:
                publisher.wait(30)
            broker.wait_for("producer gone")
            wait_until(lambda: min(gstreamer.output_bytes, file.output_bytes) > 300_000, "video")
            assert file.received()[:300_000] == gstreamer.output.read_bytes()[:300_000]
    assert decoded_frames(gstreamer.output, seconds=2) > 40


def test_gstreamer_gets_every_byte(tmp_path: Path) -> None:
    launch = [find_program("gst-launch-1.0"), "-q"]
    with BrokerProgram(tmp_path) as broker:
        source = [*launch, "srtsrc", f"uri={broker.url('A')}", "!", "fdsink"]
        with Program(source, tmp_path, "srtsrc") as gstreamer:
            broker.wait_for("subscriber connected")
            with PacedPublisher(broker, tmp_path) as publisher:
                wait_until(lambda: gstreamer.output_bytes > 400_000, "two seconds of packets")
                received = gstreamer.output.read_bytes()
                assert bytes(publisher.sent).startswith(received)
