"""A broker in this process that browsers can call, who produces for it, and who watches: aiortc."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import cache
from threading import Event

from aiortc import (
    AudioStreamTrack,
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
    VideoStreamTrack,
)
from tests.support.encoded_streams import FRAMES_PER_SECOND, encoded_stream, payloads_of

from headrace.access.directory import Directory
from headrace.client.broker_address import BrokerAddress
from headrace.client.publisher import Publisher
from headrace.hub.limits import DEFAULT_LIMITS, Limits
from headrace.service.broker import Broker, BrokerConfig
from headrace.service.rtc_config import RtcConfig
from headrace.web.gateway import SessionAnswer
from headrace.web.http_config import HttpConfig

HOST = "127.0.0.1"
WITHOUT_STUN = RTCConfiguration(iceServers=[])
"""Left alone, aiortc asks a public server for its own address."""


@asynccontextmanager
async def broker_for_browsers(
    rtc: RtcConfig | None = None,
    *,
    directory: Directory | None = None,
    limits: Limits = DEFAULT_LIMITS,
    latency_ms: int = 120,
) -> AsyncIterator[Broker]:
    """Run a broker on free ports."""
    http, rtc = HttpConfig(HOST, 0), rtc or RtcConfig(HOST, 0)
    config = BrokerConfig(HOST, 0, latency_ms=latency_ms, limits=limits, http=http, rtc=rtc)
    async with Broker(config) as broker:
        if directory is not None:
            await broker.use_directory(directory)
        yield broker


class PacedStream:
    """A transport stream in real time, from its beginning to its end."""

    def __init__(self, ts: bytes, seconds: float) -> None:
        self._payloads = payloads_of(ts)
        self._pause_seconds = seconds / len(self._payloads)
        self._stopped = Event()

    def __iter__(self) -> Iterator[bytes]:
        began = time.monotonic()
        for number, payload in enumerate(self._payloads):
            yield payload
            if self._stopped.wait(max(0.0, began + number * self._pause_seconds - time.monotonic())):
                return

    def stop(self) -> None:
        self._stopped.set()


@cache
def _encoded(
    pictures: int, video: str | None, audio: str, video_options: tuple[tuple[str, str], ...] | None
) -> bytes:
    options = dict(video_options) if video_options else None
    return encoded_stream(pictures, video=video, audio=audio, video_options=options)


@asynccontextmanager
async def producing(
    broker: Broker,
    channel_id: str,
    *,
    seconds: float = 20.0,
    video: str | None = "libx264",
    audio: str = "libopus",
    video_options: dict[str, str] | None = None,
) -> AsyncIterator[Publisher]:
    """Produce a channel, and wait until it is on the air with a second's pictures, or some sound."""
    options = None if video_options is None else tuple(video_options.items())
    ts = await asyncio.to_thread(_encoded, round(seconds * FRAMES_PER_SECOND), video, audio, options)
    publisher = Publisher(BrokerAddress(HOST, broker.port), channel_id, PacedStream(ts, seconds))
    running = asyncio.create_task(publisher.run())

    def is_on_the_air() -> bool:
        channel = broker.endpoint.hub.channels.get(channel_id)
        return channel is not None and channel.producer is not None and channel.ring.next_index >= 30

    try:
        while publisher.figures.sent_packets < 30 or not is_on_the_air():
            await asyncio.sleep(0.05)
        yield publisher
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


class Watcher:
    """A WebRTC client that watches.

    Attributes:
        frames: How many of each kind it has decoded.
        answer: What it was answered.
    """

    def __init__(self) -> None:
        self._connection = RTCPeerConnection(WITHOUT_STUN)
        self._connection.addTransceiver("video", "recvonly")
        self._connection.addTransceiver("audio", "recvonly")
        self._connection.on("track", self._take)
        self._tasks: list[asyncio.Task[None]] = []
        self.frames = {"video": 0, "audio": 0}
        self.answer: SessionAnswer | None = None

    @property
    def state(self) -> str:
        """Of its connection."""
        return str(self._connection.connectionState)

    async def offer(self) -> str:
        """Return its offer."""
        await self._connection.setLocalDescription(await self._connection.createOffer())
        return str(self._connection.localDescription.sdp)

    async def watch(self, broker: Broker, channel_id: str, credential: str | None = None) -> None:
        """Begin."""
        assert broker.rtc is not None
        self.answer = await broker.rtc.watch(channel_id, await self.offer(), credential, HOST)
        await self._connection.setRemoteDescription(RTCSessionDescription(self.answer.sdp, "answer"))

    def _take(self, track: MediaStreamTrack) -> None:
        self._tasks.append(asyncio.create_task(self._read(track)))

    async def _read(self, track: MediaStreamTrack) -> None:
        try:
            while True:
                await track.recv()
                self.frames[track.kind] += 1
        except Exception:  # noqa: BLE001 - aiortc's way to say that a track has ended
            return

    async def close(self) -> None:
        """End."""
        await self._connection.close()
        await asyncio.gather(*self._tasks)


class Camera:
    """A WebRTC client that produces.

    Attributes:
        answer: What it was answered.
    """

    def __init__(self) -> None:
        self._connection = RTCPeerConnection(WITHOUT_STUN)
        self._connection.addTrack(VideoStreamTrack())
        self._connection.addTrack(AudioStreamTrack())
        self.answer: SessionAnswer | None = None

    @property
    def state(self) -> str:
        """Of its connection."""
        return str(self._connection.connectionState)

    async def offer(self) -> str:
        """Return its offer."""
        await self._connection.setLocalDescription(await self._connection.createOffer())
        return str(self._connection.localDescription.sdp)

    async def produce(self, broker: Broker, channel_id: str | None, credential: str | None = None) -> None:
        """Begin."""
        assert broker.rtc is not None
        self.answer = await broker.rtc.produce(channel_id, await self.offer(), credential, HOST)
        await self._connection.setRemoteDescription(RTCSessionDescription(self.answer.sdp, "answer"))

    async def close(self) -> None:
        """End."""
        await self._connection.close()


@asynccontextmanager
async def filming(broker: Broker, channel_id: str | None, credential: str | None = None) -> AsyncIterator[Camera]:
    """Produce a channel by WebRTC."""
    camera = Camera()
    try:
        await camera.produce(broker, channel_id, credential)
        yield camera
    finally:
        await camera.close()


@asynccontextmanager
async def watching(broker: Broker, channel_id: str, credential: str | None = None) -> AsyncIterator[Watcher]:
    """Watch a channel."""
    watcher = Watcher()
    try:
        await watcher.watch(broker, channel_id, credential)
        yield watcher
    finally:
        await watcher.close()
