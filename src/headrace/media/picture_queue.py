"""The pictures that wait to be re-encoded: never more than a backlog, and those of now before those of then.

Who is late decodes without encoding until it has caught up, so that fewer pictures are shown; who is too late for
that goes on with the newest keyframe.
"""

from collections import deque
from threading import Condition
from typing import Final, NamedTuple

from headrace.remux.access_unit import AccessUnit

MAX_WAITING_UNITS: Final = 1_200
MAX_WAITING_BYTES: Final = 16_000_000
"""As much as a channel's backlog holds, with which the first who watches begins: ten seconds, 9 MB."""
LATE_90KHZ: Final = 36_000
"""400 ms: what a burst after a loss makes up for by itself."""
TOO_LATE_90KHZ: Final = 90_000
CLOCK_STEP_90KHZ: Final = 1_800_000
"""Decoding times that are further apart than a backlog are of two clocks."""


class WaitingPicture(NamedTuple):
    """One that is due.

    Attributes:
        unit: The picture.
        is_shown: It is to be encoded, not only decoded.
    """

    unit: AccessUnit
    is_shown: bool


class PictureQueue:
    """Between the thread that feeds and the one that works.

    Attributes:
        left_out_pictures: Were not encoded because the work took too long. What was only decoded at first, to
            begin with the picture of now, does not count.
    """

    def __init__(self) -> None:
        self._waiting: deque[AccessUnit] = deque()
        self._bytes = 0
        self._changed = Condition()
        self._needs_keyframe = True
        self._is_catching_up = False
        self._has_shown = False
        self._is_paused = self._is_closed = False
        self.left_out_pictures = 0

    def put(self, unit: AccessUnit) -> None:
        """Take the next picture in decoding order, and wait for nothing."""
        with self._changed:
            size_bytes = _size_bytes(unit)
            if len(self._waiting) >= MAX_WAITING_UNITS or self._bytes + size_bytes > MAX_WAITING_BYTES:
                self._leave_out(len(self._waiting))
                self._needs_keyframe = True
            if self._is_paused or (self._needs_keyframe and not unit.is_keyframe):
                self.left_out_pictures += self._has_shown
                return
            self._needs_keyframe = False
            self._waiting.append(unit)
            self._bytes += size_bytes
            self._changed.notify()

    def take(self, within_seconds: float) -> WaitingPicture | None:
        """Return the next picture; None where there is none in time, or it has been closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closed, within_seconds)
            if not self._waiting or self._is_closed:
                return None
            late_90khz = self._late_90khz()
            if late_90khz > TOO_LATE_90KHZ:
                self._skip_to_keyframe()
                late_90khz = self._late_90khz()
            unit = self._waiting.popleft()
            self._bytes -= _size_bytes(unit)
            self._is_catching_up = bool(self._waiting) and (self._is_catching_up or late_90khz > LATE_90KHZ)
            self.left_out_pictures += self._is_catching_up and self._has_shown
            self._has_shown |= not self._is_catching_up
            return WaitingPicture(unit, not self._is_catching_up)

    def _late_90khz(self) -> int:
        """Return how much has come since the next one."""
        late_90khz = self._waiting[-1].dts_90khz - self._waiting[0].dts_90khz
        return late_90khz if 0 <= late_90khz <= CLOCK_STEP_90KHZ else 0

    def _skip_to_keyframe(self) -> None:
        """Leave out what comes before the newest keyframe."""
        newest = max((at for at, unit in enumerate(self._waiting) if unit.is_keyframe), default=0)
        self._leave_out(newest)

    def _leave_out(self, count: int) -> None:
        for _ in range(count):
            self._bytes -= _size_bytes(self._waiting.popleft())
        self.left_out_pictures += count * self._has_shown

    def pause(self) -> None:
        """Forget what waits, and take nothing."""
        with self._changed:
            self._leave_out(len(self._waiting))
            self._is_paused = True

    def resume(self) -> None:
        """Take pictures again, from the next keyframe on."""
        with self._changed:
            self._is_paused, self._needs_keyframe, self._is_catching_up = False, True, False

    def close(self) -> None:
        """Let whoever waits for pictures wait no more."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()


def _size_bytes(unit: AccessUnit) -> int:
    return sum(map(len, unit.data))
