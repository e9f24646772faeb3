"""A producer that is connected and not on the air: what it sent since its newest keyframe is held.

Source: ``docs/decisions/0011-one-timeline.md``.
"""

from typing import Final

import numpy as np

from headrace.base.datagram_batch import U8Array
from headrace.fanout.ring import DEFAULT_BACKLOG_AGE_US, EMPTY, Ring
from headrace.hub.producer import Claim, Producer
from headrace.hub.start_points import StartPoints
from headrace.mpegts.packet import is_transport_stream

KEYFRAME_PATIENCE_US: Final = DEFAULT_BACKLOG_AGE_US
"""Nobody waits longer for a first keyframe: with the longest interval in common use there has been one by then."""
SILENCE_US: Final = 300_000
"""A producer with nothing to say for so long has fallen silent: nine pictures at 30 a second, three at 10. A
standby is to be on the air within 500 ms."""


class Standby:
    """Holds the packets of one producer until its turn comes.

    Args:
        producer: Whose; its timeline says which index a packet has here.
        now_us: The time.
        is_demoted: It was on the air and fell silent.

    Attributes:
        producer: As given.
        waits_for_silence: It goes on the air when nobody else is, or who is has fallen silent.
        ring: The packets.
        starts: Where its stream can start.
        heard_us: When its newest packet came.
    """

    __slots__ = (
        "_is_transport_stream",
        "_since_us",
        "heard_us",
        "producer",
        "ring",
        "starts",
        "waits_for_silence",
    )

    def __init__(self, producer: Producer, now_us: int, *, is_demoted: bool = False) -> None:
        self.producer = producer
        self.waits_for_silence = is_demoted or producer.claim is Claim.STAND_BY
        self.ring = Ring()
        self.starts = StartPoints()
        self.heard_us = now_us
        self._since_us = now_us
        self._is_transport_stream = True

    def put(self, index: int, payload: U8Array, time_us: int, now_us: int) -> None:
        """Hold one packet."""
        self.heard_us = now_us
        if self.ring.put(index, payload, time_us):
            content = payload.tobytes()
            self._is_transport_stream = self._is_transport_stream and is_transport_stream(content)
            self.starts.handle_payload(index, content)
            self.ring.backlog_index = self.starts.newest_index

    def is_silent(self, now_us: int) -> bool:
        """Return whether nothing has come for `SILENCE_US`."""
        return now_us - self.heard_us >= SILENCE_US

    def start_index(self, now_us: int) -> int | None:
        """Return with which packet it would go on the air, or None while there is none.

        That is its newest keyframe. A stream without pictures, or of another kind, needs none, and starts where
        one that has just fallen silent ended; one that has brought no keyframe for too long starts with its next
        packet.
        """
        if self.ring.next_index == 0:
            return None
        begin = self.ring.start_index(now_us)
        if begin < self.ring.next_index:
            return begin
        if not self._is_transport_stream or self._has_only_sound:
            is_young = (self.ring.indices != EMPTY) & (now_us - self.ring.times_us < SILENCE_US)
            return int(self.ring.indices[is_young].min(initial=self.ring.next_index))
        return self.ring.next_index if now_us - self._since_us >= KEYFRAME_PATIENCE_US else None

    @property
    def _has_only_sound(self) -> bool:
        return self.starts.tables is not None and self.starts.video_pid is None

    def packets(self, begin: int, end: int) -> list[tuple[int, bytes, int]]:
        """Return the index, payload and channel time of each packet held from ``begin`` to before ``end``."""
        indices = self.ring.held(np.arange(begin, end))
        slots = self.ring.slots(indices).tolist()
        return [
            (index, self.ring.store[slot, : self.ring.lengths[slot]].tobytes(), int(self.ring.times_us[slot]))
            for index, slot in zip(indices.tolist(), slots, strict=True)
        ]
