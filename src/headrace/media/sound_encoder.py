"""AAC, which all players have, and Opus, which browsers have: 48 kHz, stereo, and held back as little as they can.

Source: RFC 7587, 4 (Opus at 48 kHz); measurements of FFmpeg's encoders through PyAV 18.1: AAC comes 64 ms after
its first sample was heard (its frame, the next one, with which it overlaps, and one to look at), Opus 23 ms.
"""

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

import av
import numpy as np

from headrace.codecs.aac import encode_adts
from headrace.media.errors import MediaError
from headrace.media.pcm import SAMPLE_RATE_HZ, F32Array, PcmBlocks, pcm_frame
from headrace.remux.access_unit import AccessUnit, Codec

BIT_RATES: Final = {Codec.AAC: 128_000, Codec.OPUS: 96_000}
OPUS_BLOCK_SAMPLES: Final = 960
"""20 ms: what browsers send and expect. Half as much would be 50 packets a second more for each of them."""

_CLOCK_HZ: Final = 90_000
_ENCODERS: Final = {Codec.AAC: ("aac", "fltp"), Codec.OPUS: ("libopus", "flt")}
_OPTIONS: Final[dict[Codec, dict[str, str]]] = {
    Codec.AAC: {},
    # 2.5 ms of look-ahead in place of 6.5: what is for speech at low bit rates is left out.
    Codec.OPUS: {"frame_duration": "20", "application": "lowdelay", "vbr": "constrained"},
}


class SoundEncoder:
    """Makes units of one codec; where its source has a hole they are silent, so that their times go on evenly.

    Args:
        codec: AAC (with ADTS headers) or Opus.
        bit_rate_bps: That of `BIT_RATES` by default.

    Raises:
        MediaError: The encoder does not take the bit rate.
    """

    __slots__ = ("_blocks", "_codec", "_encoder")

    def __init__(self, codec: Codec, bit_rate_bps: int | None = None) -> None:
        self._codec = codec
        self._encoder = _open(codec, bit_rate_bps or BIT_RATES[codec])
        self._blocks = PcmBlocks(self._encoder.frame_size if codec is Codec.AAC else OPUS_BLOCK_SAMPLES)

    def encode(self, frame: av.AudioFrame, time_us: int) -> Iterator[AccessUnit]:
        """Yield the units that are now whole.

        The first begins before the first frame does, as a decoder hears silence at first: 1024 samples of AAC, 120
        of Opus.

        Args:
            frame: The next sound.
            time_us: Media time of its first sample.
        """
        for first_sample, samples in self._blocks.feed(frame, time_us):
            block = pcm_frame(samples) if self._codec is Codec.AAC else _interleaved(samples)
            block.pts, block.time_base = first_sample, Fraction(1, SAMPLE_RATE_HZ)
            for packet in self._encoder.encode(block):
                # The encoder tells the time of what is in the packet: its own delay is taken off.
                sample = first_sample if packet.pts is None else packet.pts
                time_90khz = sample * _CLOCK_HZ // SAMPLE_RATE_HZ
                yield AccessUnit(self._codec, time_90khz, time_90khz, [self._packed(bytes(packet))])

    def _packed(self, data: bytes) -> bytes:
        return encode_adts(len(data)) + data if self._codec is Codec.AAC else data


def _interleaved(samples: F32Array) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T).reshape(1, -1), "flt", "stereo")
    frame.sample_rate = SAMPLE_RATE_HZ
    return frame


def _open(codec: Codec, bit_rate_bps: int) -> av.AudioCodecContext:
    name, sample_format = _ENCODERS[codec]
    encoder: av.AudioCodecContext = av.CodecContext.create(name, "w")  # type: ignore[assignment]
    encoder.sample_rate, encoder.layout, encoder.format = SAMPLE_RATE_HZ, "stereo", sample_format
    encoder.bit_rate = bit_rate_bps
    encoder.time_base = Fraction(1, SAMPLE_RATE_HZ)
    encoder.options = _OPTIONS[codec]
    try:
        encoder.open()
    except (av.FFmpegError, ValueError) as error:
        raise MediaError(f"{name} does not take {bit_rate_bps} bit/s: try {BIT_RATES[codec]}") from error
    return encoder
