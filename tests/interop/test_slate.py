"""A slate as real players see it: their decoders run on while nobody produces."""

from pathlib import Path

import pytest
from tests.support.processes import BrokerProgram, wait_until
from tests.support.srt_programs import FfmpegDecoder, FfmpegPublisher, make_clip

pytestmark = [pytest.mark.interop, pytest.mark.long]


def test_ffmpeg_decodes_the_slate_and_then_the_next_producers_pictures(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", 5)
    with BrokerProgram(tmp_path, options=["--slate", "Back soon"]) as broker:
        broker.wait_for("slate made", seconds=60)
        with FfmpegDecoder(broker, tmp_path) as decoder:
            broker.wait_for("subscriber connected")
            with FfmpegPublisher(broker, tmp_path, clip, loops=5) as first:
                wait_until(lambda: decoder.frames > 50, "pictures")
                first.kill()
            broker.wait_for("slate shown")
            before = decoder.frames
            wait_until(lambda: decoder.frames > before + 40, "the slate's pictures")
            assert broker.log.count("producer on the air") == 1
            with FfmpegPublisher(broker, tmp_path, clip, name="again", loops=5):
                broker.wait_for("producer on the air", count=2)
                again = decoder.frames
                wait_until(lambda: decoder.frames > again + 50, "pictures again")
            assert decoder.process.poll() is None
        assert broker.log.count("subscriber connected") == 1
