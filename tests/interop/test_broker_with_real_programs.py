"""The broker between ffmpeg and srt-live-transmit: real programs, real sockets, real time.

Bounds are generous: the machine may be busy with other tests.
"""

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from bench.srt_peer import SrtPeer
from tests.simnet.link import SimLink
from tests.support.long_runs import only_long
from tests.support.lossy_proxy import LossyProxy
from tests.support.processes import BrokerProgram, try_to_be_in_time, wait_until
from tests.support.srt_programs import (
    PACKET_BYTES,
    TAIL_PACKETS,
    FfmpegPublisher,
    FfmpegSubscriber,
    FileSubscriber,
    PacedPublisher,
    assert_every_byte_came,
    decoded_frames,
    make_clip,
)

from headrace.srt.caller import CallerOptions
from headrace.srt.rejection import ConnectionRejectedError, RejectReason

pytestmark = pytest.mark.interop

CLIP_SECONDS = 7


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[BrokerProgram]:
    with BrokerProgram(tmp_path) as program:
        yield program


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", CLIP_SECONDS)


def assert_contiguous_part(received: bytes, sent: bytes, at_least: int) -> None:
    assert len(received) >= at_least
    assert received in sent


def test_ffmpeg_publishes_and_four_programs_subscribe_at_different_moments(
    broker: BrokerProgram, clip: Path, tmp_path: Path
) -> None:
    with FileSubscriber(broker, tmp_path, "before") as before:
        broker.wait_for("subscriber connected", count=1)
        with FfmpegPublisher(broker, tmp_path, clip) as publisher:
            broker.wait_for("producer connected")
            with FileSubscriber(broker, tmp_path, "at_once") as at_once:
                broker.wait_for("subscriber connected", count=2)
                time.sleep(1)
                with (
                    FfmpegSubscriber(broker, tmp_path) as ffmpeg,
                    FileSubscriber(broker, tmp_path, "late") as late,
                ):
                    broker.wait_for("subscriber connected", count=4)
                    assert publisher.wait(CLIP_SECONDS + 20) == 0, publisher.log
                    time.sleep(1)
                    received = [subscriber.received() for subscriber in (before, at_once, late)]
                    ffmpeg.stop()
    sent = publisher.copy.read_bytes()
    # ffmpeg closes without waiting for what it has just written.
    assert_contiguous_part(received[0], sent, at_least=len(sent) - 100_000)
    assert sent.startswith(received[0])
    for part in received[1:]:
        assert_contiguous_part(part, sent, at_least=len(sent) // 4)
    assert decoded_frames(ffmpeg.output) > 25
    # A program that a busy machine keeps from answering is sent the newest packets again, a few of 1,300.
    assert min(map(int, re.findall(r"resent_packets=(\d+)", broker.log))) < 20


@pytest.mark.parametrize("netio", ["", only_long("sendmmsg"), "portable"])
def test_every_way_of_sending_brings_the_same_bytes(netio: str, tmp_path: Path) -> None:
    with (
        BrokerProgram(tmp_path, netio=netio) as broker,
        FileSubscriber(broker, tmp_path, "one") as one,
        FileSubscriber(broker, tmp_path, "two") as two,
    ):
        broker.wait_for("subscriber connected", count=2)
        with PacedPublisher(broker, tmp_path) as publisher:
            wait_until(lambda: len(publisher.sent) > 250 * PACKET_BYTES, "a second of packets")
            sent = publisher.finish()
            for subscriber in one, two:
                assert_every_byte_came(subscriber, sent)
    assert ("UDP_SEGMENT" in broker.log, "one sendmsg" in broker.log) == (netio == "", netio == "portable")


def test_bytes_are_the_same_under_loss_on_both_hops(tmp_path: Path) -> None:
    link = SimLink(latency_us=5_000, loss=0.02)
    with (
        BrokerProgram(tmp_path, latency_ms=1_000) as broker,
        LossyProxy(("127.0.0.1", broker.port), to_target=link, to_client=link) as proxy,
        FileSubscriber(broker, tmp_path, "one", port=proxy.port, latency_ms=1_000) as one,
        FileSubscriber(broker, tmp_path, "two", port=proxy.port, latency_ms=1_000) as two,
    ):
        broker.wait_for("subscriber connected", count=2)
        with PacedPublisher(broker, tmp_path, port=proxy.port, latency_ms=1_000) as publisher:
            wait_until(lambda: len(publisher.sent) > 200 * PACKET_BYTES, "a second of packets")
            with FileSubscriber(broker, tmp_path, "late", port=proxy.port, latency_ms=1_000) as late:
                broker.wait_for("subscriber connected", count=3)
                goal_bytes = len(publisher.sent) + 800 * PACKET_BYTES
                wait_until(lambda: len(publisher.sent) > goal_bytes, "four seconds of packets")
                sent = publisher.finish(tail_packets=TAIL_PACKETS)
                for subscriber in one, two:
                    assert_every_byte_came(subscriber, sent, tail_packets=TAIL_PACKETS)
                assert_contiguous_part(late.received(), sent, at_least=400 * PACKET_BYTES)
        assert proxy.to_target.dropped > 10
        assert proxy.to_client.dropped > 20


def test_a_killed_producer_that_starts_again_is_seen_within_three_seconds(
    broker: BrokerProgram, clip: Path, tmp_path: Path
) -> None:
    with (
        FileSubscriber(broker, tmp_path, "transmit") as transmit,
        FfmpegSubscriber(broker, tmp_path) as ffmpeg,
        ExitStack() as publishers,
    ):
        subscribers = transmit, ffmpeg
        broker.wait_for("subscriber connected", count=2)
        publisher = publishers.enter_context(FfmpegPublisher(broker, tmp_path, clip, loops=3))

        def kill_and_start_again() -> float:
            nonlocal publisher
            publisher.kill()
            time.sleep(0.5)
            before = [program.output_bytes for program in subscribers]
            started = time.monotonic()
            publisher = publishers.enter_context(FfmpegPublisher(broker, tmp_path, clip, name="again", loops=3))
            for program, had_bytes in zip(subscribers, before, strict=True):
                wait_until(lambda p=program, n=had_bytes: p.output_bytes > n + 10_000, "video again")  # type: ignore[misc]
            assert publisher.process.poll() is None
            return time.monotonic() - started

        wait_until(lambda: all(program.output_bytes > 300_000 for program in subscribers), "video")
        try_to_be_in_time(kill_and_start_again, seconds=3)
        assert "subscriber gone" not in broker.log
        assert broker.log.count("subscriber connected") == 2


def test_a_second_live_producer_is_refused_and_the_first_goes_on(broker: BrokerProgram, tmp_path: Path) -> None:
    with FileSubscriber(broker, tmp_path, "subscriber") as subscriber:
        broker.wait_for("subscriber connected")
        with PacedPublisher(broker, tmp_path) as first:
            broker.wait_for("producer connected")
            with PacedPublisher(broker, tmp_path, name="rival") as rival:
                rival.wait()
            with SrtPeer("127.0.0.1", broker.port, CallerOptions(stream_id="#!::r=A,m=publish")) as peer:
                with pytest.raises(ConnectionRejectedError) as refusal:
                    peer.connect()
                assert refusal.value.code == RejectReason.CONFLICT
            wait_until(lambda: len(first.sent) > 250 * PACKET_BYTES, "a second of packets")
            sent = first.finish()
            assert_every_byte_came(subscriber, sent)
    assert "code=2409" in broker.log
    assert broker.log.count("producer connected") == 1


def test_ipv6_brings_the_same_bytes(tmp_path: Path) -> None:
    with (
        BrokerProgram(tmp_path, host="::1") as broker,
        FileSubscriber(broker, tmp_path, "subscriber") as subscriber,
    ):
        broker.wait_for("subscriber connected")
        with PacedPublisher(broker, tmp_path) as publisher:
            wait_until(lambda: len(publisher.sent) > 300 * PACKET_BYTES, "packets")
            sent = publisher.finish()
            assert_every_byte_came(subscriber, sent)
