"""AAC to Opus and Opus to AAC, frame by frame."""

from typing import Final

import av

from headrace.media.errors import MediaError
from headrace.media.pcm import SAMPLE_RATE_HZ
from headrace.media.sound_encoder import SoundEncoder
from headrace.remux.access_unit import AccessUnit, Codec

MAX_JUMP_90KHZ: Final = 45_000
"""Sound that begins half a second before what came last, or after it, is another stream's: its times are taken as
they are. It may have been Opus meanwhile, which needed no converting, and no silence is to be made up for it."""

_CLOCK_HZ: Final = 90_000
_MILLION: Final = 1_000_000
_DECODERS: Final = {Codec.AAC: "aac", Codec.OPUS: "opus"}


class SoundTranscoder:
    """Decodes one codec and encodes the other, on the same times.

    Args:
        source: AAC or Opus.
    """

    __slots__ = ("_decoder", "_encoder", "_last_90khz", "_source")

    def __init__(self, source: Codec) -> None:
        self._source = source
        self._start()

    def _start(self) -> None:
        """Begin with a decoder and an encoder that know of nothing before."""
        self._decoder: av.AudioCodecContext = av.CodecContext.create(_DECODERS[self._source], "r")  # type: ignore[assignment]
        if self._source is Codec.OPUS:
            self._decoder.sample_rate = SAMPLE_RATE_HZ
            self._decoder.layout = "stereo"
        self._encoder = SoundEncoder(Codec.OPUS if self._source is Codec.AAC else Codec.AAC)
        self._last_90khz: int | None = None

    def convert(self, unit: AccessUnit) -> list[AccessUnit]:
        """Return the frames that are now whole.

        Raises:
            MediaError: It cannot be decoded or encoded.
        """
        if self._last_90khz is not None and abs(unit.pts_90khz - self._last_90khz) > MAX_JUMP_90KHZ:
            self._start()
        self._last_90khz = unit.pts_90khz
        time_us = unit.pts_90khz * _MILLION // _CLOCK_HZ
        try:
            frames = [frame for data in unit.data for frame in self._decoder.decode(av.Packet(data))]
            return [made for frame in frames for made in self._encoder.encode(frame, time_us)]
        except (av.FFmpegError, ValueError) as error:
            raise MediaError(str(error)) from error
