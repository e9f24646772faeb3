"""The RTP packets of one stream of a channel, in clear and once, for who starts and for who has lost some.

Source: ``docs/decisions/0023-browsers.md``.
"""

from collections import deque
from typing import Final

KEEP_US: Final = 1_000_000
"""How long a packet can be asked for again: a browser gives up sooner, or asks for a keyframe."""
LIVE_US: Final = 1_000_000
"""Where nothing has come for so long nobody starts: its producer may be gone, and what it showed is not live."""
MAX_BACKLOG_PACKETS: Final = 8_192
"""From the newest keyframe on: 9.8 MB, ten seconds of 8 Mbit/s."""


class RtpRing:
    """Packets by index: sequence numbers that grow without end, of which the lowest 16 bits are sent.

    Attributes:
        first_index: The oldest that is kept.
        next_index: The one to come.
        keyframe_index: Where the newest keyframe begins; None where there is none, or it is too long ago.
        kept_bytes: Of all that are kept.
    """

    __slots__ = ("_added", "_newest_us", "_packets", "first_index", "kept_bytes", "keyframe_index", "next_index")

    def __init__(self, first_index: int = 0) -> None:
        self.first_index = self.next_index = first_index
        self.keyframe_index: int | None = None
        self.kept_bytes = 0
        self._newest_us: int | None = None
        self._packets: dict[int, bytes] = {}
        self._added: deque[tuple[int, int]] = deque()

    def add(self, packets: list[bytes], now_us: int, *, is_keyframe: bool = False) -> None:
        """Keep the packets of one picture or frame of sound, and forget what nobody wants any more."""
        if is_keyframe:
            self.keyframe_index = self.next_index
        for index, packet in enumerate(packets, self.next_index):
            self._packets[index] = packet
            self.kept_bytes += len(packet)
        self.next_index += len(packets)
        self._newest_us = now_us
        self._added.append((now_us, self.next_index))
        if self.keyframe_index is not None and self.next_index - self.keyframe_index > MAX_BACKLOG_PACKETS:
            self.keyframe_index = None
        self._forget(now_us)

    def _forget(self, now_us: int) -> None:
        while self._added and now_us - self._added[0][0] > KEEP_US:
            end_index = self._added[0][1]
            if self.keyframe_index is not None and end_index > self.keyframe_index:
                return
            self._added.popleft()
            for index in range(self.first_index, end_index):
                self.kept_bytes -= len(self._packets.pop(index))
            self.first_index = end_index

    def start_index(self, now_us: int) -> int | None:
        """Return the packet with which one can start now, or None."""
        is_live = self._newest_us is not None and now_us - self._newest_us <= LIVE_US
        return self.keyframe_index if is_live else None

    def end(self) -> None:
        """Let nobody start with what is here."""
        self.keyframe_index = None

    def get(self, index: int) -> bytes | None:
        """Return a packet, or None if it is not here."""
        return self._packets.get(index)

    def between(self, begin: int, end: int) -> list[bytes]:
        """Return the packets from ``begin`` to before ``end``, all of which have to be here."""
        return [self._packets[index] for index in range(begin, end)]
