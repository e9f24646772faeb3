"""RTP packets of one stream in order, and which of them to ask for again.

Source: RFC 3550, A.1 (sequence numbers); RFC 4585, 6.2.1 (generic NACK).
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from headrace.webrtc.rtp import RtpPacket, unwrap_seqno

MAX_AHEAD_PACKETS: Final = 2_048
"""Packets after the first missing one that are held: two seconds at 10 Mbit/s."""
MAX_GAP_PACKETS: Final = 512
"""A longer gap is a stream that begins anew, and nothing is asked for."""
MAX_LATE_RUN_PACKETS: Final = 256
"""So many late ones in a row, and none that is not, are a stream that began anew with lower numbers."""
REORDERING_US: Final = 10_000
"""How long a packet may be overtaken by others before it is asked for."""
ASK_AGAIN_US: Final = 50_000
MAX_ASKS: Final = 8
MAX_NACKS: Final = 128
"""Sequence numbers in one report."""


@dataclass(slots=True)
class _Missing:
    """A packet that others overtook: since when, and when to ask for it (again)."""

    since_us: int
    ask_us: int
    asks: int = 0


class ReorderBuffer:
    """Holds packets until those before them have come, or have been waited for long enough.

    Args:
        max_wait_us: How long a packet is waited for.

    Attributes:
        drops: Packets that were of no use, by reason.
        lost_packets: How many were given up.
        received_packets: How many came, without those that came twice or too late.
    """

    __slots__ = (
        "_follows_loss",
        "_held",
        "_late_run",
        "_max_wait_us",
        "_missing",
        "_newest",
        "_next",
        "drops",
        "lost_packets",
        "received_packets",
    )

    def __init__(self, max_wait_us: int) -> None:
        self._max_wait_us = max_wait_us
        self._held: dict[int, RtpPacket] = {}
        self._missing: dict[int, _Missing] = {}  # in order of index, so of time too
        self._next: int | None = None
        self._newest = 0
        self._follows_loss = False
        self._late_run = 0
        self.drops: Counter[str] = Counter()
        self.lost_packets = 0
        self.received_packets = 0

    def add(self, packet: RtpPacket, now_us: int) -> None:
        """Take a packet, in any order."""
        if self._next is None:
            self._begin(packet.seqno)
        assert self._next is not None
        index = unwrap_seqno(packet.seqno, self._newest)
        if index < self._next or index in self._held:
            self.drops["late_or_twice"] += 1
            self._late_run += 1
            if self._late_run < MAX_LATE_RUN_PACKETS:
                return
            index = self._begin(packet.seqno)
        elif index > self._newest + MAX_GAP_PACKETS or index >= self._next + MAX_AHEAD_PACKETS:
            index = self._begin(packet.seqno)
        self._late_run = 0
        for gap in range(self._newest + 1, index):
            self._missing[gap] = _Missing(now_us, now_us + REORDERING_US)
        self._missing.pop(index, None)
        self._newest = max(self._newest, index)
        self._held[index] = packet
        self.received_packets += 1

    def _begin(self, seqno: int) -> int:
        """Forget everything; return the index of ``seqno``, which is the first of a new stream."""
        if self._next is not None:
            self._follows_loss = True
            self.drops["stream_began_anew"] += 1
        self._next = seqno + (1 << 16)
        self._newest = self._next - 1
        self._held.clear()
        self._missing.clear()
        return self._next

    def take(self, now_us: int) -> Iterator[tuple[RtpPacket, bool]]:
        """Yield the packets whose turn has come, each with whether others before it were given up."""
        while self._next is not None:
            packet = self._held.pop(self._next, None)
            if packet is not None:
                follows_loss, self._follows_loss = self._follows_loss, False
                self._next += 1
                yield packet, follows_loss
            else:
                missing = self._missing.get(self._next)
                if missing is None or now_us < missing.since_us + self._max_wait_us:
                    return
                del self._missing[self._next]
                self._next += 1
                self.lost_packets += 1
                self._follows_loss = True

    def poll_nacks(self, now_us: int) -> list[int]:
        """Return the sequence numbers to ask for now, oldest first, `MAX_NACKS` at most."""
        asked: list[int] = []
        for index, missing in self._missing.items():
            if missing.ask_us <= now_us and missing.asks < MAX_ASKS:
                missing.asks += 1
                missing.ask_us = now_us + ASK_AGAIN_US
                asked.append(index & 0xFFFF)
                if len(asked) == MAX_NACKS:
                    break
        return asked

    def poll_timer(self) -> int | None:
        """Return when to call `take` and `poll_nacks` again, if nothing comes."""
        if not self._missing:
            return None
        oldest = next(iter(self._missing.values()))
        asks = [missing.ask_us for missing in self._missing.values() if missing.asks < MAX_ASKS]
        return min([oldest.since_us + self._max_wait_us, *asks])
