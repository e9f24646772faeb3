"""A still picture for channels whose producer has gone."""

import numpy as np
import pytest
import structlog.testing
from tests.simnet.srt_ports import CallerPort
from tests.support.broker_world import MS, SECOND, World
from tests.support.groups import Groups, pictures
from tests.support.successions import FaultyStream
from tests.support.transport import tables

from headrace.endpoints.slate_shows import SLATE_DELAY_US, SWEEP_INTERVAL_US
from headrace.mpegts.continuity import ContinuityCounters
from headrace.mpegts.muxer import Muxer
from headrace.mpegts.psi import ElementaryStream
from headrace.mpegts.slate_player import PICTURE_90KHZ, Slate
from headrace.mpegts.start_finder import StartFinder
from headrace.mpegts.stream_type import StreamType
from headrace.mpegts.unit_times import find_stream_end, oldest_dts_90khz

SLATE = Slate((b"\0\0\0\1\x09\x10" + b"k" * 500, b"\0\0\0\1\x09\x30" + b"p" * 20), b"s" * 104, 2)
PUBLISH = "publish:A"


class Scene:
    """A broker with a slate, and a subscriber of a channel."""

    def __init__(self, *, subscribed: bool = True) -> None:
        self.world = World()
        self.world.endpoint.use_slate(SLATE, self.world.now_us)
        self.subscriber = self.world.join("A") if subscribed else None

    @property
    def shows(self) -> int:
        return len(self.world.endpoint._slates)

    def produce(self, seed: int, frames: int = 10) -> tuple[CallerPort, list[bytes]]:
        producer, groups = self.world.join(PUBLISH), Groups(seed=seed)
        sent = [payload for _ in range(frames) for payload in groups.next_frame()]
        for payload in sent:
            producer.send(payload, self.world.now_us)
            self.world.run(5 * MS)
        return producer, sent

    def got(self) -> list[bytes]:
        assert self.subscriber is not None
        return self.subscriber.payloads


def scene_with_sound() -> Scene:
    """Return one whose producer had sound, and has gone long enough for the slate to be shown."""
    scene = Scene()
    muxer = Muxer([StreamType.H264, StreamType.AAC_ADTS])
    producer = scene.world.join(PUBLISH)
    producer.send(muxer.write(0, b"x", 90_000, random_access=True), scene.world.now_us)
    scene.world.run(SECOND)
    producer.connection.close(scene.world.now_us)
    scene.world.run(3 * SECOND)
    return scene


def kinds(payloads: list[bytes]) -> list[int]:
    finder = StartFinder()
    for payload in payloads:
        finder.feed(payload)
    assert finder.tables is not None
    return [stream.stream_type for stream in finder.tables.pmt.streams]


def test_it_is_shown_while_nobody_produces_and_continues_the_stream_on_both_sides() -> None:
    scene = Scene()
    producer, first = scene.produce(1)
    producer.connection.close(scene.world.now_us)
    scene.world.run(SLATE_DELAY_US + SWEEP_INTERVAL_US + 3 * SECOND)
    assert scene.shows == 1
    shown = len(scene.got())
    assert shown - len(first) > 3 * 90_000 // PICTURE_90KHZ - 5
    _, second = scene.produce(2)
    scene.world.run(SECOND)
    assert scene.shows == 0
    got = pictures(scene.got())
    assert got[: len(pictures(first))] == pictures(first)
    assert got[-len(pictures(second)) :] == pictures(second)
    stream = np.frombuffer(b"".join(scene.got()), np.uint8).reshape(-1, 188)
    assert ContinuityCounters().feed(stream) == 0


def test_it_does_not_come_before_its_time() -> None:
    scene = Scene()
    producer, _ = scene.produce(1)
    producer.connection.close(scene.world.now_us)
    scene.world.run(SLATE_DELAY_US - 10 * MS)
    assert scene.shows == 0
    scene.world.run(SWEEP_INTERVAL_US + 20 * MS)
    assert scene.shows == 1


def test_sound_is_shown_only_where_there_was_sound() -> None:
    scene = Scene()
    producer, _ = scene.produce(1)
    producer.connection.close(scene.world.now_us)
    scene.world.run(3 * SECOND)
    assert StreamType.AAC_ADTS not in kinds(scene.got())

    scene = scene_with_sound()
    assert scene.shows == 1
    assert kinds(scene.got()[1:])[:2] == [StreamType.H264, StreamType.AAC_ADTS]


def test_who_follows_it_has_room_for_sound_that_comes_after_its_pictures() -> None:
    scene = scene_with_sound()
    scene.produce(2)
    scene.world.run(SECOND)
    got = scene.got()
    seam = max(index for index, payload in enumerate(got) if payload[5] == 0x80)
    end, begin_90khz = find_stream_end(got[:seam]), oldest_dts_90khz(got[seam:])
    assert end.sound_end_90khz is not None
    assert begin_90khz == max(end.newest_pts_90khz or 0, end.sound_end_90khz) + 36_000


@pytest.mark.parametrize("payload", [b"no transport stream", Muxer([StreamType.HEVC]).write(0, b"x", 90_000)])
def test_a_stream_that_a_slate_cannot_continue_is_left_silent(payload: bytes) -> None:
    scene = Scene()
    producer = scene.world.join(PUBLISH)
    producer.send(payload, scene.world.now_us)
    scene.world.run(MS)
    producer.connection.close(scene.world.now_us)
    scene.world.run(3 * SECOND)
    assert scene.shows == 0
    assert scene.got() == [payload]


def test_it_follows_a_producer_whose_tables_are_too_long_for_one_packet() -> None:
    scene = Scene()
    producer = scene.world.join(PUBLISH)
    producer.send(tables(streams=(ElementaryStream(StreamType.H264, 0x100),), networks=42), scene.world.now_us)
    scene.world.run(MS)
    producer.connection.close(scene.world.now_us)
    scene.world.run(3 * SECOND)
    assert scene.shows == 1
    assert StreamType.H264 in kinds(scene.got()[1:])


def test_before_the_first_producer_nothing_is_shown() -> None:
    scene = Scene()
    scene.world.run(5 * SECOND)
    assert scene.shows == 0
    assert scene.got() == []


def test_a_subscriber_that_comes_while_it_is_shown_starts_with_its_keyframe_and_without_any_it_ends() -> None:
    scene = Scene()
    producer, _ = scene.produce(1)
    producer.connection.close(scene.world.now_us)
    scene.world.run(3 * SECOND)
    late = scene.world.join("A")
    assert scene.world.channel("A").keyframe_starts == 1
    scene.world.run(SECOND)
    assert kinds(late.payloads)
    assert scene.subscriber is not None
    for subscriber in (scene.subscriber, late):
        subscriber.connection.close(scene.world.now_us)
    scene.world.run(SECOND)
    assert scene.shows == 0
    assert scene.world.endpoint.hub.channels == {}


@pytest.mark.parametrize("good_times", [0, 1, 10])
def test_a_bug_in_one_channel_is_told_once_and_the_slate_is_shown_in_the_others(good_times: int) -> None:
    scene = Scene()
    scene.world.join("B")
    faulty = FaultyStream(good_times)
    faulty.use(scene.world.channel("B"))
    for channel_id in "AB":
        producer = scene.world.join(f"publish:{channel_id}")
        producer.send(Muxer([StreamType.H264]).write(0, b"x", 90_000, random_access=True), scene.world.now_us)
        scene.world.run(MS)
        producer.connection.close(scene.world.now_us)
    with structlog.testing.capture_logs() as logs:
        scene.world.run(5 * SECOND)
    errors = [log for log in logs if log["log_level"] == "error"]
    assert [(log["channel"], type(log["exc_info"])) for log in errors] == [("B", ZeroDivisionError)]
    assert scene.shows == 1
    assert len(scene.got()) > 3 * 90_000 // PICTURE_90KHZ


def test_a_channel_with_a_bug_has_its_slate_after_another_producer() -> None:
    scene = Scene()
    faulty = FaultyStream(0)
    faulty.use(scene.world.channel("A"))
    for good_times, shows in (0, 0), (1000, 1):
        faulty.good_times = good_times
        producer, _ = scene.produce(1)
        producer.connection.close(scene.world.now_us)
        scene.world.run(3 * SECOND)
        assert scene.shows == shows
