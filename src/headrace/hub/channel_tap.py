"""One more reader of a channel, that wants its packets in order: what turns it into something else than SRT.

Source: ``docs/decisions/0023-browsers.md``.
"""

from typing import Final, NamedTuple

import numpy as np

from headrace.hub.channel import Channel

MAX_POLL_PACKETS: Final = 512
"""Copied in half a millisecond; a backlog of ten seconds comes in a dozen such pieces."""
POLL_AGAIN_US: Final = 1_000
"""In between the channel's subscribers get theirs."""


class TapPiece(NamedTuple):
    """Packets that follow each other.

    Attributes:
        payloads: Of at least one.
        is_gap: Whether something is missing between the last piece and this one.
    """

    payloads: list[bytes]
    is_gap: bool


class ChannelTap:
    """Reads a channel from the packet on with which a new subscriber would start.

    A packet is given out as soon as all before it have been, or have been given up: a missing one is waited for as
    long as the producer's own latency says, though the channel may wait longer for it where a subscriber has more
    patience. Whoever reads too slowly goes on with the newest keyframe.

    Args:
        channel: Which.
        now_us: The time.

    Attributes:
        channel: As given.
        next_index: The packet that is to be given out next.
        missed_packets: That were not given out: given up, or skipped.
        skips: How often it went on with a keyframe because it had been too slow.
    """

    __slots__ = ("_due_us", "_is_gap", "channel", "missed_packets", "next_index", "skips")

    def __init__(self, channel: Channel, now_us: int) -> None:
        self.channel = channel
        self.next_index = channel.ring.start_index(now_us)
        self.missed_packets = 0
        self.skips = 0
        self._is_gap = False
        self._due_us: int | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether the channel has newer packets than were given out."""
        return self.next_index < self.channel.ring.next_index

    def poll_timer(self) -> int | None:
        """Return when `poll` is due even if nothing comes, or None."""
        return self._due_us

    def poll(self, now_us: int) -> list[TapPiece]:
        """Return what can be given out now, at most `MAX_POLL_PACKETS` packets."""
        self._due_us = None
        self._skip_if_slow(now_us)
        ring, pieces, room = self.channel.ring, list[TapPiece](), MAX_POLL_PACKETS
        held = np.flatnonzero(ring.holds(np.arange(self.next_index, ring.next_index))) + self.next_index
        ends = np.flatnonzero(np.diff(held) > 1) + 1
        for run in np.split(held, ends):
            if not room or not len(run) or not self._reaches(int(run[0]), now_us):
                break
            pieces.append(self._take(range(int(run[0]), int(run[:room][-1]) + 1)))
            room -= len(pieces[-1].payloads)
        if not room and self.is_waiting:
            self._due_us = now_us + POLL_AGAIN_US
        return pieces

    def _skip_if_slow(self, now_us: int) -> None:
        """Go on with the newest keyframe if the ring has lost the place, or much is waiting before that one."""
        ring = self.channel.ring
        oldest_index, start_index = ring.next_index - ring.capacity_packets, ring.start_index(now_us)
        has_start = self.next_index < start_index < ring.next_index
        is_slow = has_start and ring.next_index - self.next_index > MAX_POLL_PACKETS
        if is_slow or self.next_index < oldest_index:
            self._go_on(max(start_index if has_start else 0, oldest_index))
            self.skips += 1

    def _reaches(self, index: int, now_us: int) -> bool:
        """Go on to ``index``, where the next packet is, if what is missing before it will not come in time."""
        if index == self.next_index:
            return True
        if index > self.channel.succession.hopeless_index:
            due_us = self._time_us(index) + self._patience_us()
            if now_us < due_us:
                self._due_us = due_us
                return False
        self._go_on(index)
        return True

    def _time_us(self, index: int) -> int:
        ring = self.channel.ring
        return int(ring.times_us[index & (ring.capacity_packets - 1)])

    def _patience_us(self) -> int:
        producer = self.channel.producer
        return 0 if producer is None else producer.connection.parameters.receive_latency_us

    def _go_on(self, index: int) -> None:
        self.missed_packets += index - self.next_index
        self.next_index = index
        self._is_gap = True

    def _take(self, indices: range) -> TapPiece:
        piece = TapPiece(self.channel.stream.payloads(indices), self._is_gap)
        self.next_index = indices.stop
        self._is_gap = False
        return piece
