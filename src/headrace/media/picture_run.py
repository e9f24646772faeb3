"""The thread that has pictures re-encoded, from the first keyframe until nobody wants or feeds them any more.

A process that dies or takes too long is started again, later each time.
"""

import time
from collections.abc import Callable, Sequence
from threading import Event, Thread
from typing import Any, Final, TypeAlias

from headrace.codecs.annex_b import join_annex_b, split_annex_b
from headrace.media.errors import MediaError
from headrace.media.picture_pipe import CodedPicture
from headrace.media.picture_process import PictureProcess
from headrace.media.picture_queue import PictureQueue, WaitingPicture
from headrace.remux.access_unit import AccessUnit, Codec

IDLE_SECONDS: Final = 10.0
"""After this long without a picture the process ends, and another channel may be re-encoded."""
FIRST_BACKOFF_SECONDS: Final = 1.0
MAX_BACKOFF_SECONDS: Final = 60.0
GOOD_SECONDS: Final = 60.0
"""What has worked for so long is started again as soon as at first."""
MAX_FAILURES: Final = 3
MAX_BARREN_PICTURES: Final = 300
"""After three failures in a row, or ten seconds' pictures of which nothing came, people are told."""
WARN_SECONDS: Final = 10.0
MAX_APART_90KHZ: Final = 900_000
"""A picture that comes back is one of the last ten seconds."""

StartProcess: TypeAlias = Callable[[], PictureProcess]
Give: TypeAlias = Callable[[Sequence[AccessUnit]], None]


class PictureRun:
    """One run: of one codec, for one channel.

    Args:
        codec: Of what comes.
        start_process: Starts a process.
        give: Is called in the thread with what was made, H.264 without B-frames on the same times.
        on_ended: Is called in the thread when it has ended.
        log: Logs for the channel.
        first_backoff_seconds: Until a process that has died is started again, for the first time.

    Attributes:
        codec: As given.
        queue: What is put there is re-encoded.
        is_running: Whether it has not ended.
        pictures: So many were made.
        failures: How often a process died, or took too long.
    """

    def __init__(
        self,
        codec: Codec,
        start_process: StartProcess,
        give: Give,
        on_ended: Callable[[], None],
        *,
        log: Any,
        first_backoff_seconds: float = FIRST_BACKOFF_SECONDS,
    ) -> None:
        self.codec = codec
        self._start_process = start_process
        self._give = give
        self._on_ended = on_ended
        self._log = log
        self._first_backoff_seconds = first_backoff_seconds
        self.queue = PictureQueue()
        self._process: PictureProcess | None = None
        self._stopped = Event()
        self._failures_in_a_row = 0
        self._barren_pictures = 0
        self._warned_seconds = self._warned_pictures = 0.0
        self.is_running = True
        self.pictures = self.failures = 0
        self._thread = Thread(target=self._run, name="pictures", daemon=True)

    @property
    def is_failing(self) -> bool:
        """Whether nothing comes of it."""
        return self._failures_in_a_row >= MAX_FAILURES or self._barren_pictures >= MAX_BARREN_PICTURES

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for nothing; nothing is given any more."""
        self._stopped.set()
        self.queue.close()
        process = self._process
        if process is not None:
            process.kill()

    def join(self, seconds: float) -> bool:
        """Wait until it has ended, for so long at most; return whether it has."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while not self._stopped.is_set():
                began_seconds = time.monotonic()
                try:
                    self._feed_process()
                except (OSError, MediaError) as error:
                    self._note_failure(error, time.monotonic() - began_seconds)
                else:
                    return
        finally:
            self.is_running = False
            self._on_ended()

    def _feed_process(self) -> None:
        """Have a process work until nothing comes for it."""
        process = self._process = self._start_process()
        try:
            process.wait_until_ready()
            while not self._stopped.is_set() and (due := self.queue.take(IDLE_SECONDS)) is not None:
                self._convert(process, due)
        finally:
            self._process = None
            process.close()

    def _convert(self, process: PictureProcess, due: WaitingPicture) -> None:
        unit = due.unit
        coded = CodedPicture(unit.pts_90khz, join_annex_b(unit.data), unit.is_keyframe, due.is_shown)
        units = [_unit_of(one, unit.pts_90khz) for one in process.convert(coded)]
        self._barren_pictures = 0 if units else self._barren_pictures + due.is_shown
        if units and not self._stopped.is_set():
            self.pictures += len(units)
            self._give(units)
        self._warn_if_slow()

    def _note_failure(self, error: Exception, worked_seconds: float) -> None:
        """Wait a while, longer each time, and begin again with the next keyframe."""
        if self._stopped.is_set():
            return
        self._failures_in_a_row = 1 if worked_seconds > GOOD_SECONDS else self._failures_in_a_row + 1
        seconds = min(self._first_backoff_seconds * 2 ** (self._failures_in_a_row - 1), MAX_BACKOFF_SECONDS)
        self.failures += 1
        reason = str(error) or type(error).__name__
        self._log.warning("re-encoding for browsers failed; it begins again", reason=reason, in_seconds=seconds)
        self.queue.pause()
        self._stopped.wait(seconds)
        self.queue.resume()

    def _warn_if_slow(self) -> None:
        left_out, seconds = self.queue.left_out_pictures, time.monotonic()
        if left_out > self._warned_pictures and seconds - self._warned_seconds > WARN_SECONDS:
            self._log.warning(
                "re-encoding for browsers cannot keep up: pictures are left out",
                pictures=left_out - self._warned_pictures,
            )
            self._warned_seconds, self._warned_pictures = seconds, left_out


def _unit_of(picture: CodedPicture, newest_90khz: int) -> AccessUnit:
    """Return a picture that a process has made, which is not to be trusted."""
    data = split_annex_b(picture.data)
    if not data or abs(picture.pts_90khz - newest_90khz) > MAX_APART_90KHZ:
        raise MediaError("what re-encodes pictures makes up what never was")
    return AccessUnit(Codec.H264, picture.pts_90khz, picture.pts_90khz, data, picture.is_keyframe)
