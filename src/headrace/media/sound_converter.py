"""Makes Opus of AAC, which browsers play, and AAC of Opus, which everything else plays, in a thread of its own."""

import queue
from collections.abc import Callable, Sequence
from threading import Thread
from typing import Final

import av
import structlog

from headrace.media.pcm import SAMPLE_RATE_HZ
from headrace.media.sound_encoder import SoundEncoder
from headrace.remux.access_unit import AccessUnit, Codec

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

    __slots__ = ("_decoder", "_encoder", "_next_90khz", "_source")

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
                made += self._encoder.encode(frame, unit.pts_90khz * _MILLION // _CLOCK_HZ)
        return made
