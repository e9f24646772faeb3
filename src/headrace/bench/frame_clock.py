"""When a load's next frame is due: as many a second as were asked for, and none while it pauses."""

from typing import Final

from headrace.netio.clock import now_us

NEVER_US: Final = 1 << 62


class FrameClock:
    """Counts frames from `start` on; after a pause it goes on with the frame that was next.

    Args:
        frames_per_second: How many.

    Attributes:
        frames: That have been sent.
    """

    def __init__(self, frames_per_second: int) -> None:
        self._frames_per_second = frames_per_second
        self._start_us: int | None = None
        self.frames = 0

    @property
    def _elapsed_us(self) -> int:
        return self.frames * 1_000_000 // self._frames_per_second

    @property
    def next_frame_us(self) -> int:
        """When the next one is due; far in the future while it pauses."""
        return NEVER_US if self._start_us is None else self._start_us + self._elapsed_us

    def start(self) -> None:
        """Have the next frame due now."""
        self._start_us = now_us() - self._elapsed_us

    def pause(self) -> None:
        """Have none due."""
        self._start_us = None
