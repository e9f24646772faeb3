"""Carries what a channel's tap gives from the SRT loop's thread to the WebRTC loop's, and lets neither wait.

Source: ``docs/decisions/0023-browsers.md``.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

MAX_WAITING_BYTES: Final = 16_000_000
"""A backlog of nine megabytes, and what comes meanwhile. What the other thread does not take is thrown away."""


class TapHandover:
    """One tap's. `put` is for one thread; the other takes.

    Args:
        call_soon: Has the other thread call something.
        take: Is called there with payloads, and whether something is missing before them.

    Attributes:
        lost_payloads: So many were thrown away because the other thread was too slow.
    """

    __slots__ = ("_call_soon", "_has_lost", "_put_bytes", "_take_all", "_taken_bytes", "_waiting", "lost_payloads")

    def __init__(
        self, call_soon: Callable[[Callable[[], object]], None], take: Callable[[list[bytes], bool], None]
    ) -> None:
        self._call_soon = call_soon
        self._take_all = take
        self._waiting: deque[tuple[list[bytes], bool, int]] = deque()
        # Each is written by one of the threads alone.
        self._put_bytes = 0
        self._taken_bytes = 0
        self._has_lost = False
        self.lost_payloads = 0

    def put(self, payloads: list[bytes], is_gap: bool) -> None:
        """Hand payloads over; a tap's sink."""
        if self._put_bytes - self._taken_bytes > MAX_WAITING_BYTES:
            self._has_lost = True
            self.lost_payloads += len(payloads)
            return
        size_bytes = sum(map(len, payloads))
        self._put_bytes += size_bytes
        self._waiting.append((payloads, is_gap or self._has_lost, size_bytes))
        self._has_lost = False
        if len(self._waiting) == 1:
            self._call_soon(self._take)

    def _take(self) -> None:
        # What is put in meanwhile is taken too, or has this called again.
        while self._waiting:
            payloads, is_gap, size_bytes = self._waiting.popleft()
            self._taken_bytes += size_bytes
            self._take_all(payloads, is_gap)
