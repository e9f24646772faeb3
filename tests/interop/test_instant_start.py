"""Real programs that join in the middle of a group of pictures: they start with its keyframe."""

import time
from pathlib import Path

import pytest
from tests.simnet.link import SimLink
from tests.support.lossy_proxy import LossyProxy
from tests.support.processes import BrokerProgram, wait_until
from tests.support.recordings import without_last_units
from tests.support.srt_programs import (
    PACKET_BYTES,
    FfmpegDecoder,
    FfmpegPublisher,
    FfmpegSubscriber,
    FileSubscriber,
    decoded_frames,
    make_clip,
)
from tests.support.transport import packets_of

from headrace.mpegts.packet import PAT_PID, decode_packet

pytestmark = pytest.mark.interop

CLIP_SECONDS = 12
KEYFRAME_INTERVAL_FRAMES = 100
"""4 s; those who come 6 s after the start come in the middle of the second group."""
JOIN_SECONDS = 6.0
LONGER_INTERVAL_FRAMES = 200
"""8 s; who is to come in the middle of the first group has 6 s for that."""
VIDEO_PID = 0x100


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "long_groups.mp4"
    return make_clip(path, CLIP_SECONDS, keyframe_interval_frames=KEYFRAME_INTERVAL_FRAMES)


@pytest.fixture(scope="module")
def clip_of_longer_groups(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "longer_groups.mp4"
    return make_clip(path, CLIP_SECONDS, keyframe_interval_frames=LONGER_INTERVAL_FRAMES)


def write_whole_frames(ts: bytes, path: Path) -> Path:
    path.write_bytes(without_last_units(ts))
    return path


@pytest.mark.long
def test_programs_that_join_between_keyframes_start_with_the_last_one(clip: Path, tmp_path: Path) -> None:
    with (
        BrokerProgram(tmp_path) as broker,
        FfmpegPublisher(broker, tmp_path, clip) as publisher,
    ):
        broker.wait_for("producer connected")
        time.sleep(JOIN_SECONDS)
        with (
            FileSubscriber(broker, tmp_path, "transmit") as transmit,
            FfmpegSubscriber(broker, tmp_path, log_level="error") as ffmpeg,
            FfmpegDecoder(broker, tmp_path) as decoder,
        ):
            broker.wait_for("subscriber connected", count=3)
            sent_at_join_bytes = publisher.copy.stat().st_size
            wait_until(lambda: decoder.frames > 100, "pictures of more than a group")
            assert publisher.wait(CLIP_SECONDS + 20) == 0, publisher.log
            time.sleep(1)
            assert ffmpeg.log == ""
            assert decoder.log == ""
            received = transmit.received()
    sent = publisher.copy.read_bytes()
    assert broker.log.count("start=keyframe") == 3
    assert received in sent
    assert sent.index(received) < sent_at_join_bytes - 100_000
    assert_begins_with_a_keyframe(received)
    assert decoded_frames(write_whole_frames(received, tmp_path / "transmit.ts")) > 150
    assert decoded_frames(write_whole_frames(ffmpeg.output.read_bytes(), tmp_path / "ffmpeg.ts")) > 150


def test_a_program_behind_a_lossy_path_starts_with_the_last_keyframe_too(
    clip_of_longer_groups: Path, tmp_path: Path
) -> None:
    link = SimLink(latency_us=10_000, loss=0.05)
    with (
        BrokerProgram(tmp_path) as broker,
        LossyProxy(("127.0.0.1", broker.port), to_target=link, to_client=link) as proxy,
        FfmpegPublisher(broker, tmp_path, clip_of_longer_groups) as publisher,
    ):
        broker.wait_for("producer connected")
        time.sleep(2)
        with FileSubscriber(broker, tmp_path, "transmit", port=proxy.port, latency_ms=600) as transmit:
            broker.wait_for("start=keyframe")
            sent_at_join_bytes = publisher.copy.stat().st_size
            wait_until(lambda: transmit.output_bytes > sent_at_join_bytes + 150_000, "a second of packets")
            received = transmit.received()
        publisher.stop()
        assert proxy.to_client.dropped > 10
    sent = publisher.copy.read_bytes()
    assert received in sent
    assert sent.index(received) < 10_000
    assert_begins_with_a_keyframe(received)


def assert_begins_with_a_keyframe(received: bytes) -> None:
    first = packets_of(received[:PACKET_BYTES], PAT_PID)
    assert first
    after = packets_of(received[received.index(first[0]) :])
    starts = (
        packet for packet in map(decode_packet, after) if packet.pid == VIDEO_PID and packet.payload_unit_start
    )
    assert next(starts).random_access


def test_without_a_backlog_programs_start_with_the_next_packet(
    clip_of_longer_groups: Path, tmp_path: Path
) -> None:
    with (
        BrokerProgram(tmp_path, options=("--backlog", "0")) as broker,
        FfmpegPublisher(broker, tmp_path, clip_of_longer_groups) as publisher,
    ):
        broker.wait_for("producer connected")
        time.sleep(1)
        with FileSubscriber(broker, tmp_path, "transmit") as transmit:
            broker.wait_for("subscriber connected")
            sent_at_join_bytes = publisher.copy.stat().st_size
            wait_until(lambda: transmit.output_bytes > 100_000, "packets")
            received = transmit.received()
        publisher.stop()
    assert "start=live" in broker.log
    assert "backlog_packets=0" in broker.log
    sent = publisher.copy.read_bytes()
    assert received in sent
    assert sent.index(received) > sent_at_join_bytes - 100_000
