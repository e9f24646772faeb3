"""Makes Opus of AAC, which browsers play, and AAC of Opus, which everything else plays, in a thread of its own.

Source: RFC 7587, 4 (Opus at 48 kHz); a frame of 20 ms is what browsers send and expect.
"""

import queue
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from threading import Thread
from typing import Final

import av
import numpy as np
import structlog

from headrace.codecs.aac import encode_adts
from headrace.media.pcm import SAMPLE_RATE_HZ, F32Array, PcmBlocks, pcm_frame
from headrace.remux.access_unit import AccessUnit, Codec

OPUS_BIT_RATE: Final = 96_000
AAC_BIT_RATE: Final = 128_000
OPUS_BLOCK_SAMPLES: Final = 960
MAX_WAITING_UNITS: Final = 256
"""Five seconds of sound: what comes beyond is left out, so that a stalled thread does not fill the memory."""
MAX_BACK_90KHZ: Final = 45_000
"""Sound that begins half a second before what came last is another stream's: its times are taken as they are."""

_CLOCK_HZ: Final = 90_000
_MILLION: Final = 1_000_000
_DECODERS: Final = {Codec.AAC: "aac", Codec.OPUS: "opus"}

_log = structlog.get_logger()


class SoundConverter:
    """One stream of sound. Its thread begins with the first frame.

    Args:
        source: AAC (with ADTS headers) or Opus; the other one is made of it.
        give: Is called in the thread with what was made, on the same times.
    """

    def __init__(self, source: Codec, give: Callable[[Sequence[AccessUnit]], None]) -> None:
        self._source = source
        self._give = give
        self._waiting: queue.Queue[AccessUnit | None] = queue.Queue(MAX_WAITING_UNITS)
        self._thread: Thread | None = None
        self._is_closed = False
        self.left_out_units = 0

    def feed(self, unit: AccessUnit) -> None:
        """Take a frame, and wait for nothing."""
        if self._thread is None:
            self._thread = Thread(target=self._run, name="sound", daemon=True)
            self._thread.start()
        try:
            self._waiting.put_nowait(unit)
        except queue.Full:
            self.left_out_units += 1

    def close(self) -> None:
        """End soon, and wait for nothing."""
        self._is_closed = True
        if self._thread is not None:
            try:
                self._waiting.put_nowait(None)
            except queue.Full:
                return  # it looks at each frame whether it is to end

    def _run(self) -> None:
        transcoder = Transcoder(self._source)
        while not self._is_closed and (unit := self._waiting.get()) is not None:
            try:
                units = transcoder.convert(unit)
            except (av.FFmpegError, ValueError) as error:
                _log.warning("sound could not be converted", codec=self._source.value, reason=str(error))
                transcoder = Transcoder(self._source)
                continue
            if units and not self._is_closed:
                self._give(units)


class Transcoder:
    """Decodes one codec and encodes the other; times stay within 10 ms.

    Args:
        source: AAC or Opus.
    """

    __slots__ = ("_blocks", "_decoder", "_encoder", "_next_90khz", "_source")

    def __init__(self, source: Codec) -> None:
        self._source = source
        self._start()

    def _start(self) -> None:
        """Begin with a decoder and an encoder that know of nothing before."""
        self._decoder: av.AudioCodecContext = av.CodecContext.create(_DECODERS[self._source], "r")  # type: ignore[assignment]
        if self._source is Codec.OPUS:
            self._decoder.sample_rate = SAMPLE_RATE_HZ
            self._decoder.layout = "stereo"
        self._encoder = _opus_encoder() if self._source is Codec.AAC else _aac_encoder()
        self._blocks = PcmBlocks(OPUS_BLOCK_SAMPLES if self._source is Codec.AAC else self._encoder.frame_size)
        self._next_90khz: int | None = None

    def convert(self, unit: AccessUnit) -> list[AccessUnit]:
        """Return the frames that are now whole.

        Raises:
            av.FFmpegError: It cannot be decoded or encoded.
            ValueError: Likewise.
        """
        if self._next_90khz is not None and unit.pts_90khz < self._next_90khz - MAX_BACK_90KHZ:
            self._start()
        self._next_90khz = unit.pts_90khz
        made: list[AccessUnit] = []
        for data in unit.data:
            for frame in self._decoder.decode(av.Packet(data)):
                for first_sample, samples in self._blocks.feed(frame, unit.pts_90khz * _MILLION // _CLOCK_HZ):
                    made += self._encode(first_sample, samples)
        return made

    def _encode(self, first_sample: int, samples: F32Array) -> Iterator[AccessUnit]:
        block = _interleaved(samples) if self._source is Codec.AAC else pcm_frame(samples)
        block.pts, block.time_base = first_sample, Fraction(1, SAMPLE_RATE_HZ)
        codec = Codec.OPUS if self._source is Codec.AAC else Codec.AAC
        for packet in self._encoder.encode(block):
            # The encoder tells the time of what is in the packet: its own delay is taken off.
            pts_90khz = (first_sample if packet.pts is None else packet.pts) * _CLOCK_HZ // SAMPLE_RATE_HZ
            data = bytes(packet)
            content = data if codec is Codec.OPUS else encode_adts(len(data)) + data
            yield AccessUnit(codec, pts_90khz, pts_90khz, [content])


def _interleaved(samples: F32Array) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T).reshape(1, -1), "flt", "stereo")
    frame.sample_rate = SAMPLE_RATE_HZ
    return frame


def _opus_encoder() -> av.AudioCodecContext:
    return _encoder("libopus", "flt", OPUS_BIT_RATE, {"frame_duration": "20", "application": "audio"})


def _aac_encoder() -> av.AudioCodecContext:
    return _encoder("aac", "fltp", AAC_BIT_RATE, {})


def _encoder(name: str, sample_format: str, bit_rate: int, options: dict[str, str]) -> av.AudioCodecContext:
    encoder: av.AudioCodecContext = av.CodecContext.create(name, "w")  # type: ignore[assignment]
    encoder.sample_rate, encoder.layout, encoder.format = SAMPLE_RATE_HZ, "stereo", sample_format
    encoder.bit_rate = bit_rate
    encoder.time_base = Fraction(1, SAMPLE_RATE_HZ)
    encoder.options = options
    encoder.open()
    return encoder
