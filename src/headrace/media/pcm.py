"""Sound as the encoder takes it: 48 kHz, stereo, planar float, and on time.

Frames of any rate and layout come in with their media times; blocks of a fixed number of samples go out,
numbered without a gap. Where the source has a hole the block is silent, where it overlaps itself (a loop) the
overlap goes, so that sound never drifts from the pictures.
"""

from typing import Final, TypeAlias, cast

import av
import numpy as np
from numpy.typing import NDArray

from headrace.media.source import MICROSECONDS

SAMPLE_RATE_HZ: Final = 48_000
CHANNELS: Final = 2
MAX_DEVIATION_SAMPLES: Final = SAMPLE_RATE_HZ // 25
"""40 ms: less than this is the rounding of container times, and is not heard as out of step with the picture."""
MAX_GAP_SAMPLES: Final = SAMPLE_RATE_HZ * 10
"""Silence is made for at most 10 s at once, so that a wild timestamp cannot fill the memory."""

F32Array: TypeAlias = NDArray[np.float32]


class Resampler:
    """Converts frames of any format to arrays of shape ``(2, samples)``, float32, 48 kHz."""

    __slots__ = ("_format", "_resampler")

    def __init__(self) -> None:
        self._format: tuple[str, str, int] | None = None
        self._resampler: av.AudioResampler | None = None

    def convert(self, frame: av.AudioFrame) -> F32Array:
        """Return the samples that are ready; some may stay in the resampler until the next frame."""
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if kind == ("fltp", "stereo", SAMPLE_RATE_HZ):
            return cast("F32Array", frame.to_ndarray())
        if self._resampler is None or kind != self._format:
            self._resampler = av.AudioResampler(format="fltp", layout="stereo", rate=SAMPLE_RATE_HZ)
            self._format = kind
        frame.pts = None
        return _joined(self._resampler.resample(frame))

    def flush(self) -> F32Array:
        """Return what the resampler still holds; it starts anew afterwards."""
        if self._resampler is None:
            return np.zeros((CHANNELS, 0), np.float32)
        resampler, self._resampler = self._resampler, None
        return _joined(resampler.resample(None))


def _joined(frames: "list[av.AudioFrame]") -> F32Array:
    parts = [cast("F32Array", frame.to_ndarray()) for frame in frames]
    return np.concatenate(parts, axis=1) if parts else np.zeros((CHANNELS, 0), np.float32)


def pcm_frame(samples: F32Array) -> av.AudioFrame:
    """Return an audio frame of samples of shape ``(2, n)``, float32."""
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout="stereo")
    frame.sample_rate = SAMPLE_RATE_HZ
    return frame


class PcmBlocks:
    """Turns timed frames into numbered blocks of ``block_samples`` samples.

    Attributes:
        first_sample: Number of the first sample of the next block, counted from media time 0.
        inserted_samples: Silence put in.
        trimmed_samples: Samples left out because their time had been filled already.
    """

    __slots__ = ("_block_samples", "_buffer", "_resampler", "first_sample", "inserted_samples", "trimmed_samples")

    def __init__(self, block_samples: int) -> None:
        self._block_samples = block_samples
        self._resampler = Resampler()
        self._buffer: F32Array = np.zeros((CHANNELS, 0), np.float32)
        self.first_sample: int | None = None
        self.inserted_samples = 0
        self.trimmed_samples = 0

    def feed(self, frame: av.AudioFrame, time_us: int) -> list[tuple[int, F32Array]]:
        """Return full blocks as (number of their first sample, samples of shape ``(2, block_samples)``)."""
        samples = self._align(self._resampler.convert(frame), time_us * SAMPLE_RATE_HZ // MICROSECONDS)
        self._buffer = np.concatenate((self._buffer, samples), axis=1)
        blocks: list[tuple[int, F32Array]] = []
        at = 0
        while self.first_sample is not None and self._buffer.shape[1] - at >= self._block_samples:
            blocks.append((self.first_sample, self._buffer[:, at : at + self._block_samples]))
            at += self._block_samples
            self.first_sample += self._block_samples
        self._buffer = self._buffer[:, at:]
        return blocks

    def _align(self, samples: F32Array, start_sample: int) -> F32Array:
        """Return ``samples`` with silence before or their start cut, if they are not where they should be."""
        if self.first_sample is None:
            self.first_sample = start_sample
        deviation = start_sample - (self.first_sample + self._buffer.shape[1])
        if deviation > MAX_GAP_SAMPLES:
            self.first_sample += deviation
        elif deviation > MAX_DEVIATION_SAMPLES:
            self.inserted_samples += deviation
            return np.concatenate((np.zeros((CHANNELS, deviation), np.float32), samples), axis=1)
        elif deviation < -MAX_DEVIATION_SAMPLES:
            trimmed = min(-deviation, samples.shape[1])
            self.trimmed_samples += trimmed
            return samples[:, trimmed:]
        return samples
