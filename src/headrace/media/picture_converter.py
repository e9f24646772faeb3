"""Re-encodes a channel's pictures for browsers, which play none with B-frames, while a slot is free."""

from collections.abc import Callable
from functools import partial
from threading import BoundedSemaphore
from typing import Final

import structlog

from headrace.media.picture_process import PictureProcess
from headrace.media.picture_run import Give, PictureRun, StartProcess
from headrace.remux.access_unit import AccessUnit, Codec

CODEC_NAMES: Final = {Codec.H264: "h264", Codec.HEVC: "hevc"}
NO_SLOT: Final = "It is not encoded again for browsers, as no more channels may be at a time."
OTHER_CODEC: Final = "It is not encoded again for browsers, as that is done for H.264 and HEVC alone."
FAILS: Final = "Encoding it again for browsers fails."

_log = structlog.get_logger()


class PictureConverter:
    """One channel's. Nothing runs before it is fed, nor while other channels have all the slots.

    Args:
        channel_id: For the log.
        give: Is called, in a thread of its own, with what was made: H.264 without B-frames, on the same times.
        slots: One for each channel that may be re-encoded at a time.
        start_process: Starts what decodes a codec, by FFmpeg's name of it.
    """

    def __init__(
        self,
        channel_id: str,
        give: Give,
        slots: BoundedSemaphore,
        *,
        start_process: Callable[[str], PictureProcess] = PictureProcess,
    ) -> None:
        self._log = _log.bind(channel=channel_id)
        self._give = give
        self._slots = slots
        self._start_process = start_process
        self._run: PictureRun | None = None
        self._why_not: str | None = None
        self._earlier = {"pictures": 0, "left_out_pictures": 0, "failures": 0}

    @property
    def trouble(self) -> str | None:
        """Why browsers get nothing of what it is fed, for people; None if that is not so."""
        if self._why_not is not None:
            return self._why_not
        return FAILS if self._run is not None and self._run.is_failing else None

    def feed(self, unit: AccessUnit) -> bool:
        """Take a picture, and wait for nothing; return whether it is re-encoded.

        Whoever has no slot asks for one with each keyframe.
        """
        if self._run is not None and (not self._run.is_running or self._run.codec is not unit.codec):
            self.end()
        if self._run is None and unit.is_keyframe:
            self._begin(unit.codec)
        if self._run is None:
            return False
        self._run.queue.put(unit)
        return True

    def _begin(self, codec: Codec) -> None:
        name = CODEC_NAMES.get(codec)
        if name is None:
            self._why_not = OTHER_CODEC
            return
        if not self._slots.acquire(blocking=False):
            self._why_not = NO_SLOT
            return
        self._why_not = None
        start_process: StartProcess = partial(self._start_process, name)
        self._run = PictureRun(codec, start_process, self._give, self._slots.release, log=self._log)
        self._run.start()

    def end(self) -> None:
        """Re-encode nothing until it is fed again, and wait for nothing."""
        self._why_not = None
        if self._run is not None:
            self._run.stop()
            self._earlier = self.facts()
            self._run = None

    def facts(self) -> dict[str, int]:
        """Return how many pictures were made and left out, as it could not keep up, and how often it failed."""
        facts = dict(self._earlier)
        if self._run is not None:
            facts["pictures"] += self._run.pictures
            facts["left_out_pictures"] += self._run.queue.left_out_pictures
            facts["failures"] += self._run.failures
        return facts
