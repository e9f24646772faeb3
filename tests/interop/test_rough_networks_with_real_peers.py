"""The broker and real libsrt peers on networks that lose, delay, double, reorder and forget.

Every packet of both hops passes the proxy, which treats both in the same way. None of these tests can fail by
chance, as what is lost depends on time alone and not on how packets happen to fall:

- The bursts of a direction are 25 ms long and 400 to 550 ms apart, 5 % of the time; in each every packet is lost.
- At 100 ms round trip a packet that is lost in a burst at time 0 is missed by its receiver at 50 to 80 ms. The
  loss report may fall into a burst of the way back; it is repeated within 150 ms, when that burst is over and the
  next is not yet there. So the packet is sent again before 325 ms, and the next burst of its own way comes at
  425 ms at the earliest: it arrives at 380 ms at the latest.
- On the second hop the receiver misses the packet too, reports it all the while, and the broker may have sent it
  into a burst of its own way, at 180 ms: after a loss report that gets through before 425 ms it leaves again
  before 475 ms, the next burst of that way comes at 605 ms at the earliest, and the packet is there at 525 ms.
  What a receiver allows is 700 ms: its latency of 600 ms and the 100 ms of the way.

So no packet stays lost unless the machine stands still for 175 ms at that moment. With losses that are independent
of time, 5 % each way and four tries in 600 ms, one packet in 200,000 would, and one run in a hundred would fail.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, repeat
from pathlib import Path
from random import Random

import pytest
from tests.simnet.link import SimLink
from tests.support.lossy_proxy import LossyProxy
from tests.support.processes import BrokerProgram, Program, wait_until
from tests.support.programs import find_program
from tests.support.srt_programs import (
    PACKET_BYTES,
    PACKETS_PER_SECOND,
    TAIL_PACKETS,
    FfmpegSubscriber,
    FileSubscriber,
    PacedPublisher,
    assert_every_byte_came,
    decoded_frames,
    make_clip,
)

pytestmark = [pytest.mark.interop, pytest.mark.long]

LATENCY_MS = 600
BURST_US = 25_000
CLIP_SECONDS = 10
STUFFING = (b"\x47\x1f\xff\x10" + bytes([0xFF]) * 184) * 7
"""A payload of null packets."""


def bursts(name: str, seconds: int = 60) -> tuple[tuple[int, int], ...]:
    """Return windows of loss, 400 to 550 ms apart: 5 % of the time."""
    random, windows, end_us = Random(name), [], 0
    while end_us < seconds * 1_000_000:
        start_us = end_us + random.randrange(400_000, 550_001)
        end_us = start_us + BURST_US
        windows.append((start_us, end_us))
    return tuple(windows)


@contextmanager
def rough_broker(
    folder: Path, to_broker: SimLink, to_peers: SimLink, *, latency_ms: int = LATENCY_MS
) -> Iterator[tuple[BrokerProgram, LossyProxy]]:
    """A broker and a proxy before it."""
    with (
        BrokerProgram(folder, latency_ms=latency_ms) as broker,
        LossyProxy(("127.0.0.1", broker.port), to_target=to_broker, to_client=to_peers, seed=3) as proxy,
    ):
        yield broker, proxy


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Sequence[bytes]:
    """A transport stream of real video and sound, cut into payloads."""
    ts = make_clip(tmp_path_factory.mktemp("clip") / "clip.ts", CLIP_SECONDS).read_bytes()
    return [ts[at : at + PACKET_BYTES] for at in range(0, len(ts) - PACKET_BYTES, PACKET_BYTES)]


def play(publisher: PacedPublisher, seconds: float) -> None:
    goal_bytes = len(publisher.sent) + seconds * PACKETS_PER_SECOND * PACKET_BYTES
    wait_until(lambda: len(publisher.sent) >= goal_bytes, f"{seconds} s of packets", seconds=seconds + 15)


def numbers_in(received: bytes) -> list[int]:
    """Return the numbers of the packets, of which each must be whole."""
    packets = [received[at : at + PACKET_BYTES] for at in range(0, len(received), PACKET_BYTES)]
    assert all(packet == packet[:4] * (PACKET_BYTES // 4) for packet in packets)
    return [int.from_bytes(packet[:4], "big") for packet in packets]


def test_every_byte_comes_through_bursts_of_loss_and_reordering_on_both_hops(
    clip: Sequence[bytes], tmp_path: Path
) -> None:
    links = [
        SimLink(latency_us=50_000, reordering=0.02, reorder_us=12_000, outages=bursts(name))
        for name in ("to broker", "to peers")
    ]
    with rough_broker(tmp_path, *links) as (broker, proxy):
        address = broker.url("A", port=proxy.port, latency_ms=LATENCY_MS)
        source = [find_program("gst-launch-1.0"), "-q", "srtsrc", f"uri={address}", "!", "fdsink"]
        with (
            FileSubscriber(broker, tmp_path, "transmit", port=proxy.port, latency_ms=LATENCY_MS) as transmit,
            Program(source, tmp_path, "gstreamer") as gstreamer,
            FfmpegSubscriber(broker, tmp_path, port=proxy.port, latency_ms=LATENCY_MS) as ffmpeg,
        ):
            broker.wait_for("subscriber connected", count=3)
            with PacedPublisher(
                broker, tmp_path, port=proxy.port, latency_ms=LATENCY_MS, payloads=chain(clip, repeat(STUFFING))
            ) as publisher:
                wait_until(lambda: len(publisher.sent) >= len(clip) * PACKET_BYTES, "the whole clip", seconds=40)
                sent = publisher.finish(tail_packets=TAIL_PACKETS)
                for subscriber in transmit, gstreamer:
                    assert_every_byte_came(subscriber, sent, tail_packets=TAIL_PACKETS)
                ffmpeg.stop()
        assert min(proxy.to_target.dropped, proxy.to_client.dropped) > 50
    assert ffmpeg.log == ""
    assert decoded_frames(ffmpeg.output, seconds=CLIP_SECONDS - 1) > 25 * (CLIP_SECONDS - 2)


@pytest.mark.parametrize(
    ("to_broker", "to_peers"),
    [
        pytest.param(
            SimLink(latency_us=5_000, duplication=0.3, reordering=0.05, reorder_us=15_000),
            SimLink(latency_us=5_000, duplication=0.3, reordering=0.05, reorder_us=15_000),
            id="duplication",
        ),
        pytest.param(
            SimLink(latency_us=90_000, outages=bursts("slow")),
            SimLink(latency_us=10_000, outages=bursts("fast")),
            id="slow to the broker",
        ),
        pytest.param(
            SimLink(latency_us=10_000, outages=bursts("fast")),
            SimLink(latency_us=90_000, outages=bursts("slow")),
            id="slow to the peers",
        ),
    ],
)
def test_every_byte_comes_through_duplication_and_asymmetric_paths(
    to_broker: SimLink, to_peers: SimLink, tmp_path: Path
) -> None:
    with (
        rough_broker(tmp_path, to_broker, to_peers) as (broker, proxy),
        FileSubscriber(broker, tmp_path, "subscriber", port=proxy.port, latency_ms=LATENCY_MS) as subscriber,
    ):
        broker.wait_for("subscriber connected")
        with PacedPublisher(broker, tmp_path, port=proxy.port, latency_ms=LATENCY_MS) as publisher:
            play(publisher, 5)
            sent = publisher.finish(tail_packets=TAIL_PACKETS)
            assert_every_byte_came(subscriber, sent, tail_packets=TAIL_PACKETS)


@pytest.mark.parametrize("hop", ["producer", "subscriber"])
def test_connections_live_through_two_seconds_without_any_packet(hop: str, tmp_path: Path) -> None:
    link = SimLink(latency_us=10_000)
    with rough_broker(tmp_path, link, link, latency_ms=200) as (broker, proxy):
        ports = {"producer": broker.port, "subscriber": broker.port, hop: proxy.port}
        with FileSubscriber(
            broker, tmp_path, "subscriber", port=ports["subscriber"], latency_ms=200
        ) as subscriber:
            broker.wait_for("subscriber connected")
            with PacedPublisher(broker, tmp_path, port=ports["producer"], latency_ms=200) as publisher:
                play(publisher, 1.5)
                proxy.is_cut = True
                time.sleep(2)
                proxy.is_cut = False
                play(publisher, 2)
                sent = publisher.finish()
                wait_until(lambda: subscriber.output.read_bytes()[-4:] == sent[-4:], "the last packet")
                assert " gone" not in broker.log
                received = numbers_in(subscriber.received())
        assert proxy.to_target.dropped + proxy.to_client.dropped > PACKETS_PER_SECOND // 2
    assert broker.log.count("connected") == 2
    assert received[:190] == list(range(190))
    assert received == sorted(set(received))
    missing = sorted(set(range(received[-1])) - set(received))
    # Nothing but what was sent in the two seconds, of which some comes late and is taken all the same.
    assert not missing or missing[-1] - missing[0] < 3 * PACKETS_PER_SECOND
    assert received[-1] + 1 == len(sent) // PACKET_BYTES


def test_every_byte_comes_through_a_change_of_port_in_mid_stream(tmp_path: Path) -> None:
    link = SimLink(latency_us=10_000)
    with (
        rough_broker(tmp_path, link, link, latency_ms=2_000) as (broker, proxy),
        FileSubscriber(broker, tmp_path, "subscriber", port=proxy.port, latency_ms=2_000) as subscriber,
    ):
        broker.wait_for("subscriber connected")
        with PacedPublisher(broker, tmp_path, port=proxy.port, latency_ms=2_000) as publisher:
            play(publisher, 1.5)
            proxy.change_ports()
            play(publisher, 3)
            assert_every_byte_came(subscriber, publisher.finish())
            assert publisher.process.poll() is None
    assert broker.log.count("subscriber connected") == broker.log.count("producer connected") == 1


def test_a_conclusion_that_is_repeated_after_data_changes_nothing(tmp_path: Path) -> None:
    link = SimLink(latency_us=10_000)
    with (
        rough_broker(tmp_path, link, link) as (broker, proxy),
        FileSubscriber(broker, tmp_path, "subscriber", port=proxy.port) as subscriber,
    ):
        broker.wait_for("subscriber connected")
        with PacedPublisher(broker, tmp_path, port=proxy.port, latency_ms=LATENCY_MS) as publisher:
            for _ in range(3):
                play(publisher, 1)
                repeated = proxy.repeated_handshakes
                proxy.repeat_handshakes()
                wait_until(lambda before=repeated: proxy.repeated_handshakes == before + 2, "the repetitions")  # type: ignore[misc]
            play(publisher, 1)
            sent = publisher.finish()
            assert " gone" not in broker.log
            assert_every_byte_came(subscriber, sent)
    assert broker.log.count("subscriber connected") == broker.log.count("producer connected") == 1
    assert "refused" not in broker.log
