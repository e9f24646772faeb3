"""A camera and its microphone, made up: ``python -m bench.stamped_camera BROKER CHANNEL LOG SOUNDS [opus]``.

Its pictures say when they were taken, as `picture_stamp` draws it. They are encoded and sent as `headrace produce`
does it. For each picture it writes a line to the log: its stamp, when it was taken (microseconds since the Unix
epoch), and how long drawing and encoding it took (microseconds). SOUNDS is how many frames of sound leave at once,
0 for a camera without a microphone; they are AAC, with Opus beside it where that is said.
"""

import asyncio
import signal
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final, TextIO

import av
import numpy as np
from bench.picture_stamp import STAMP_HEIGHT, STAMP_WIDTH, draw_stamp

from headrace.base.datagram_batch import U8Array
from headrace.client.broker_address import BrokerAddress
from headrace.client.publisher import Publisher
from headrace.media.encoder import EncoderSettings
from headrace.media.ffmpeg_input import FfmpegInput
from headrace.media.live_stream import LiveStream
from headrace.media.pcm import SAMPLE_RATE_HZ, F32Array, pcm_frame
from headrace.media.source import SourceInfo, TimedFrame

WIDTH: Final = 1280
HEIGHT: Final = 720
FRAMES_PER_SECOND: Final = 30
BLOCK_SAMPLES: Final = SAMPLE_RATE_HZ // 100
"""A sound card hands over ten milliseconds at a time, when they are past."""
DIFFERENT_PICTURES: Final = 30
STAMP_MODULUS: Final = 1 << 32
_MILLION: Final = 1_000_000


class StampedCamera:
    """Pictures at an even pace, each stamped at the moment at which it is handed over, and a tone.

    Args:
        has_sound: Whether there is the tone.

    Attributes:
        info: Size, rate and whether there is sound.
        live: True: frames come at their own pace.
        stamp_ms: Of the newest picture; None while the newest frame is one of sound.
        taken_ns: When that one was taken, by the wall clock.
    """

    live = True

    def __init__(self, *, has_sound: bool) -> None:
        self.info = SourceInfo(WIDTH, HEIGHT, Fraction(FRAMES_PER_SECOND), has_sound)
        self.stamp_ms: int | None = None
        self.taken_ns = 0
        self._pictures = _test_pictures()

    def frames(self) -> Iterator[TimedFrame]:
        """Yield what is seen and heard, each as soon as it is there, without end."""
        start = time.monotonic()
        pictures = blocks = 0
        while True:
            picture_at, block_at = pictures / FRAMES_PER_SECOND, (blocks + 1) * BLOCK_SAMPLES / SAMPLE_RATE_HZ
            if self.info.has_audio and block_at <= picture_at:
                _sleep_until(start + block_at)
                self.stamp_ms = None
                tone = pcm_frame(_tone(blocks * BLOCK_SAMPLES))
                began_us = blocks * BLOCK_SAMPLES * _MILLION // SAMPLE_RATE_HZ
                yield TimedFrame(began_us, BLOCK_SAMPLES * _MILLION // SAMPLE_RATE_HZ, tone)
                blocks += 1
            else:
                _sleep_until(start + picture_at)
                frame = self._take(pictures)
                yield TimedFrame(int(picture_at * _MILLION), _MILLION // FRAMES_PER_SECOND, frame)
                pictures += 1

    def _take(self, number: int) -> av.VideoFrame:
        self.taken_ns = time.time_ns()
        self.stamp_ms = self.taken_ns // _MILLION % STAMP_MODULUS
        picture = self._pictures[number % len(self._pictures)]
        draw_stamp(picture, self.stamp_ms)
        return av.VideoFrame.from_ndarray(picture, "yuv420p")

    def close(self) -> None:
        """Let go of nothing."""


class WatchedStream:
    """A camera's stream that notes when each picture has been encoded.

    Args:
        camera: Takes the pictures.
        log: Where a line for each goes.
        sounds_at_once: How many frames of sound wait for each other.
        has_opus: Whether there is Opus beside the AAC.
    """

    def __init__(self, camera: StampedCamera, log: TextIO, sounds_at_once: int, *, has_opus: bool) -> None:
        self._camera = camera
        settings = EncoderSettings(video_bitrate_bps=2_500_000, preset="ultrafast", has_opus=has_opus)
        self._stream = LiveStream(camera, settings)
        self._log = log
        self._sounds_at_once = sounds_at_once

    def __iter__(self) -> Iterator[bytes]:
        sounds: list[bytes] = []
        for ts in self._stream:
            if self._camera.stamp_ms is not None:
                taken_us, now_us = self._camera.taken_ns // 1_000, time.time_ns() // 1_000
                print(self._camera.stamp_ms, taken_us, now_us - taken_us, file=self._log)
                yield ts
                continue
            sounds.append(ts)
            if len(sounds) >= self._sounds_at_once:
                yield b"".join(sounds)
                sounds.clear()

    def stop(self) -> None:
        """End it soon."""
        self._stream.stop()


def _sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))


def _tone(first_sample: int) -> F32Array:
    times = (np.arange(BLOCK_SAMPLES) + first_sample) / SAMPLE_RATE_HZ
    wave = (0.2 * np.sin(2 * np.pi * 440 * times)).astype(np.float32)
    return np.stack((wave, wave))


def _test_pictures() -> list[U8Array]:
    """Return pictures that an encoder has work with, as planes of yuv420p below each other."""
    source = FfmpegInput(f"testsrc2=size={WIDTH}x{HEIGHT}:rate={FRAMES_PER_SECOND}", "lavfi")
    pictures: list[U8Array] = []
    for item in source.frames():
        if isinstance(item.frame, av.VideoFrame):
            colours = item.frame.to_ndarray(format="rgb24")
            colours[:STAMP_HEIGHT, :STAMP_WIDTH] = 0  # a stamp has no colour
            plain = av.VideoFrame.from_ndarray(colours, "rgb24").reformat(format="yuv420p")
            pictures.append(plain.to_ndarray().astype(np.uint8))
        if len(pictures) == DIFFERENT_PICTURES:
            break
    return pictures


async def _produce(broker: str, channel_id: str, log: Path, sounds_at_once: int, *, has_opus: bool) -> None:
    host, _, port = broker.rpartition(":")
    with log.open("w", buffering=1) as lines:
        camera = StampedCamera(has_sound=sounds_at_once > 0)
        stream = WatchedStream(camera, lines, sounds_at_once, has_opus=has_opus)
        running = asyncio.ensure_future(Publisher(BrokerAddress(host, int(port)), channel_id, stream).run())
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
        await asyncio.gather(running, return_exceptions=True)


if __name__ == "__main__":
    _broker, _channel_id, _log, _sounds, *_more = sys.argv[1:]
    asyncio.run(_produce(_broker, _channel_id, Path(_log), int(_sounds), has_opus=_more == ["opus"]))
