"""Makes Opus of AAC, which browsers play, and AAC of Opus, which everything else plays, in a thread of its own.

FFmpeg, which takes longer to load than a broker to start, is loaded there too, when there is something to convert.
"""

import queue
from collections.abc import Callable, Sequence
from threading import Thread
from typing import Final

import structlog

from headrace.media.errors import MediaError
from headrace.remux.access_unit import AccessUnit, Codec

MAX_WAITING_UNITS: Final = 256
"""Five seconds of sound: what comes beyond is left out, so that a stalled thread does not fill the memory."""

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
        from headrace.media.sound_transcoder import SoundTranscoder  # noqa: PLC0415

        transcoder = SoundTranscoder(self._source)
        while not self._is_closed and (unit := self._waiting.get()) is not None:
            try:
                units = transcoder.convert(unit)
            except MediaError as error:
                _log.warning("sound could not be converted", codec=self._source.value, reason=str(error))
                transcoder = SoundTranscoder(self._source)
                continue
            if units and not self._is_closed:
                self._give(units)
