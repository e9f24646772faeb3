"""How long a new subscriber waits for its first picture, with and without instant start.

A producer sends 720p with a keyframe every 4 s; subscribers join at random moments, and each leaves as soon as it
has decoded a picture. The time is from before the first packet of the handshake to after the decoder's picture.

Source: the goal of instant start, 150 ms of which 100 are the subscriber's latency (``docs/decisions/0010``).
"""

import itertools
import os
import platform
import select
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Final

import av
import numpy as np
from bench.srt_peer import SrtPeer

from headrace.bench.measured_process import BrokerProcess
from headrace.bench.stage import free_port
from headrace.media.decoder import StreamDecoder, VideoFrameDecoded
from headrace.media.encoder import AccessUnit, EncoderSettings, VideoEncoder
from headrace.media.ffmpeg_input import FfmpegInput
from headrace.mpegts.muxer import Muxer
from headrace.mpegts.stream_type import StreamType
from headrace.netio.clock import now_us
from headrace.srt.caller import CallerOptions

CHANNEL_ID: Final = "FIRST"
PAYLOAD_BYTES: Final = 1316
FRAMES_PER_SECOND: Final = 30
KEYFRAME_INTERVAL_SECONDS: Final = 4
BITRATE_BPS: Final = 2_500_000
LATENCY_MS: Final = 100
LATENCY: Final = ("--latency", str(LATENCY_MS))
"""The broker asks as much of a subscriber as of the producer."""
GOAL_MS: Final = 150


@dataclass(frozen=True, slots=True)
class JoinPlan:
    """How a run is to be.

    Attributes:
        joins: How many subscribers come.
        seconds: In how long.
        seed: Of the moments at which they come.
    """

    joins: int = 60
    seconds: float = 24.0
    seed: int = 1


@dataclass(frozen=True, slots=True)
class FirstFrames:
    """What one broker showed.

    Attributes:
        waits_us: Of each subscriber.
        keyframe_bytes: Size of the keyframes.
    """

    waits_us: list[int]
    keyframe_bytes: int


def encode_group(bitrate_bps: int = BITRATE_BPS) -> list[AccessUnit]:
    """Return one group of pictures."""
    source = FfmpegInput(f"testsrc2=size=1280x720:rate={FRAMES_PER_SECOND},noise=alls=12:allf=t", "lavfi")
    settings = EncoderSettings(
        video_bitrate_bps=bitrate_bps, keyframe_interval_ms=3_600_000, frame_rate=Fraction(FRAMES_PER_SECOND)
    )
    encoder = VideoEncoder(source.info, settings)
    units: list[AccessUnit] = []
    for item in source.frames():
        if isinstance(item.frame, av.VideoFrame):
            units += encoder.encode(item.frame, item.time_us)
        if len(units) == KEYFRAME_INTERVAL_SECONDS * FRAMES_PER_SECOND:
            break
    source.close()
    return units


def frames_of(units: list[AccessUnit]) -> Iterator[bytes]:
    """Yield a transport stream of the group again and again, a picture in each piece."""
    muxer = Muxer([StreamType.H264])
    for number in itertools.count():
        unit = units[number % len(units)]
        pts_90khz = 90_000 + number * 90_000 // FRAMES_PER_SECOND
        yield muxer.write(0, unit.data, pts_90khz, random_access=unit.key_frame)


class _Producer:
    """Sends each picture at its time, as one stream."""

    def __init__(self, peer: SrtPeer, units: list[AccessUnit]) -> None:
        self._peer = peer
        self._frames = frames_of(units)
        self._start_us = now_us()
        self._count = 0
        self._rest = b""

    def turn(self) -> None:
        while now_us() >= self._start_us + self._count * 1_000_000 // FRAMES_PER_SECOND:
            self._count += 1
            ts = self._rest + next(self._frames)
            whole = len(ts) - len(ts) % PAYLOAD_BYTES
            for start in range(0, whole, PAYLOAD_BYTES):
                self._peer.connection.send(ts[start : start + PAYLOAD_BYTES], now_us())
            self._rest = ts[whole:]
        self._peer.turn(now_us())


class _Join:
    """One subscriber until its first picture."""

    def __init__(self, port: int) -> None:
        self._started_us = now_us()
        options = CallerOptions(stream_id=CHANNEL_ID, receive_latency_ms=LATENCY_MS)
        self.peer = SrtPeer("127.0.0.1", port, options)
        self._decoder = StreamDecoder(decode_audio=False)

    def turn(self) -> int | None:
        """Do what is due; return how long the first picture took once it is there."""
        self.peer.turn(now_us())
        if not self.peer.is_connected:
            return None
        for delivery in self.peer.connection.poll_deliveries(now_us()):
            if any(isinstance(event, VideoFrameDecoded) for event in self._decoder.feed(delivery.payload)):
                return now_us() - self._started_us
        return None


def measure_first_frames(backlog_seconds: float, units: list[AccessUnit], plan: JoinPlan) -> FirstFrames:
    """Run one broker, a producer and the joins.

    Raises:
        HeadraceError: The broker could not be reached.
    """
    port = free_port()
    with tempfile.TemporaryDirectory() as scratch:
        broker = BrokerProcess(port, Path(scratch) / "broker.log", "--backlog", str(backlog_seconds), *LATENCY)
        try:
            with SrtPeer("127.0.0.1", port, CallerOptions(stream_id=f"publish:{CHANNEL_ID}")) as peer:
                peer.connect()
                waits_us = _join_all(_Producer(peer, units), port, plan)
        finally:
            broker.stop()
    return FirstFrames(waits_us, len(units[0].data))


def _join_all(producer: _Producer, port: int, plan: JoinPlan) -> list[int]:
    random = Random(plan.seed)
    start_us = now_us() + 2_000_000
    due_us = sorted(start_us + int(1e6 * plan.seconds * random.random()) for _ in range(plan.joins))
    joins: list[_Join] = []
    waits_us: list[int] = []
    while due_us or joins:
        producer.turn()
        while due_us and now_us() >= due_us[0]:
            joins.append(_Join(port))
            del due_us[0]
        for join in list(joins):
            wait_us = join.turn()
            if wait_us is not None:
                waits_us.append(wait_us)
                join.peer.close()
                joins.remove(join)
        select.select([join.peer.udp for join in joins], [], [], 0.001)
    return waits_us


def print_first_frames(with_start: FirstFrames, without: FirstFrames) -> None:
    """Print both side by side, and the facts about this machine."""
    print(
        f"first picture of {len(with_start.waits_us)} subscribers each, latency {LATENCY_MS} ms, a keyframe of "
        f"{with_start.keyframe_bytes / 1000:.0f} kB every {KEYFRAME_INTERVAL_SECONDS} s, "
        f"{BITRATE_BPS / 1e6:.1f} Mbit/s"
    )
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    for name, frames in (("instant start", with_start), ("--backlog 0", without)):
        p50, p99, most = np.percentile(frames.waits_us, [50, 99, 100]) / 1000
        print(f"{name:<14} p50 {p50:6.0f} ms   p99 {p99:6.0f} ms   max {most:6.0f} ms")
    print(f"goal: p99 of instant start <= {GOAL_MS} ms")
