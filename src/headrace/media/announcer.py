"""Decides which metadata goes with which frame: titles for late joiners, capture times, data sent meanwhile."""

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from threading import Lock
from typing import Final

from headrace.mpegts.metadata import JsonValue, Metadata, encode_metadata

REPEAT_INTERVAL_US: Final = 2_000_000
"""Title and facts at least so often, for those who join."""
STAMP_INTERVAL_US: Final = 160_000
"""A capture time about six times a second: enough to draw a latency curve, 0.5 % of the stream."""
MAX_WAITING_DATA: Final = 256
"""Data that waits for a frame. More than this between two frames is a mistake of the caller's loop."""


class Announcer:
    """Gives the metadata for each frame. `send_data` may be called from any thread.

    Args:
        title: Shown by players.
        facts: Named texts.

    Attributes:
        dropped_data: Data that had to go because too much was waiting.

    Raises:
        ValueError: Title and facts do not fit in one tag.
    """

    def __init__(self, title: str | None = None, facts: Mapping[str, str] | None = None) -> None:
        self._lock = Lock()
        self._standing = Metadata(title=title, facts=dict(facts or {}))
        encode_metadata(self._standing)
        self._waiting: deque[Metadata] = deque()
        self._next_repeat_us: int | None = None
        self._next_stamp_us: int | None = None
        self.dropped_data = 0

    @property
    def has_standing(self) -> bool:
        """Whether there is a title or a fact to repeat."""
        return bool(self._standing)

    def announce(self, title: str | None, facts: Mapping[str, str] | None = None) -> None:
        """Change title and facts from the next frame on.

        Raises:
            ValueError: They do not fit in one tag.
        """
        standing = Metadata(title=title, facts=dict(facts or {}))
        encode_metadata(standing)
        with self._lock:
            self._standing, self._next_repeat_us = standing, None

    def send_data(self, data: Mapping[str, JsonValue]) -> None:
        """Let ``data`` go with the next frame.

        Raises:
            ValueError: It does not fit in one tag (`TypeError` if it is not JSON).
        """
        metadata = Metadata(data=dict(data))
        encode_metadata(metadata)
        with self._lock:
            if len(self._waiting) == MAX_WAITING_DATA:
                self._waiting.popleft()
                self.dropped_data += 1
            self._waiting.append(metadata)

    def take_data(self) -> list[Metadata]:
        """Return the data that waits, oldest first."""
        with self._lock:
            waiting = list(self._waiting)
            self._waiting.clear()
        return waiting

    def for_frame(self, time_us: int, *, key_frame: bool, capture_unix_us: int | None = None) -> Metadata | None:
        """Return what to say with the video frame of media time ``time_us``, apart from data.

        Args:
            time_us: Media time, for what is due by time.
            key_frame: A late joiner starts here, so everything is said.
            capture_unix_us: When the picture was taken, if known.
        """
        with self._lock:
            standing, repeat_us, stamp_us = self._standing, self._next_repeat_us, self._next_stamp_us
            repeats = bool(standing) and (key_frame or repeat_us is None or time_us >= repeat_us)
            stamps = capture_unix_us is not None and (key_frame or stamp_us is None or time_us >= stamp_us)
            if repeats:
                self._next_repeat_us = time_us + REPEAT_INTERVAL_US
            if stamps:
                self._next_stamp_us = time_us + STAMP_INTERVAL_US
        if not repeats and not stamps:
            return None
        return replace(standing if repeats else Metadata(), capture_unix_us=capture_unix_us if stamps else None)
