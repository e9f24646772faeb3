"""When a receiver acknowledges, and what it learns from the acknowledgement of that.

Source: draft-sharabayko-srt, 4.8.1 (ACK every 10 ms, light ACK every 64 packets), 4.10 (round trip).
"""

from collections import OrderedDict
from typing import Final

from headrace.srt.rtt import RoundTrip

FULL_ACK_INTERVAL_US: Final = 10_000
LIGHT_ACK_PACKETS: Final = 64
MAX_OPEN_ACKS: Final = 1024
"""Full ACKs whose ACKACK is awaited: 10 s of them (libsrt's ACK window)."""
EAGER_FULL_ACKS: Final = 20
"""Who acknowledges by batches sends so many full ones first, so that both sides know the round trip soon."""
SPARSE_FULL_US: Final = 125_000
"""Then one in this time, with light ones in between: each full one is answered, which is a packet to be read."""
LATE_ACK_US: Final = 40_000
"""What came too soon after the last ACK is acknowledged with what comes next, or else after this time: more than
lies between the frames of a film."""


class Acknowledger:
    """Schedules full and light acknowledgements for one receiver.

    Args:
        first_index: Index of the first packet that can come.
    """

    __slots__ = (
        "_full_us",
        "_next_full_us",
        "_next_number",
        "_open",
        "_packets",
        "_rest_until_us",
        "_sent_index",
        "_sent_us",
        "_settled_index",
    )

    def __init__(self, first_index: int) -> None:
        self._sent_index = first_index
        self._settled_index = first_index
        self._sent_us = self._full_us = -SPARSE_FULL_US
        self._next_number = 1
        self._next_full_us: int | None = None
        self._rest_until_us: int | None = None
        self._packets = 0
        self._open: OrderedDict[int, tuple[int, int]] = OrderedDict()

    def handle_data(self) -> bool:
        """Note one arrived packet; return whether a light ACK is due."""
        self._packets += 1
        return self._packets % LIGHT_ACK_PACKETS == 0

    def handle_run(self, packets: int) -> range:
        """Note that ``packets`` have arrived; return after how many of them a light ACK is due each time."""
        before = self._packets
        self._packets += packets
        return range(LIGHT_ACK_PACKETS - before % LIGHT_ACK_PACKETS, packets + 1, LIGHT_ACK_PACKETS)

    def handle_progress(self, ack_index: int, now_us: int) -> None:
        """Note that the acknowledgeable position may have moved: a full ACK is then due within 10 ms."""
        self._end_rest(now_us)
        if ack_index > self._sent_index:
            self._schedule(now_us)

    def poll_timer(self) -> int | None:
        """Return when `poll_full` wants to be called, or None."""
        return self._next_full_us

    def poll_full(self, ack_index: int, round_trip: RoundTrip, now_us: int) -> int | None:
        """Return the number of the full ACK to send now for everything below ``ack_index``, or None.

        An acknowledgement that the sender has not answered is repeated after RTT + 4 RTTVar, as it may be lost.
        """
        if self._next_full_us is None or now_us < self._next_full_us:
            return None
        self._packets = 0
        if ack_index <= self._settled_index:
            self._next_full_us = None
            return None
        self._next_full_us = self._repeat_us(round_trip, now_us)
        return self.open_ack(ack_index, now_us)

    def poll_batch(self, ack_index: int, round_trip: RoundTrip, now_us: int) -> int | None:
        """Return the number of the ACK to send now that a batch has been taken, 0 for a light one, or None.

        Whoever calls this after each batch acknowledges with what comes, and is woken up for it in pauses alone.

        # Differs from 4.8.1, where a full ACK follows 10 ms after what it acknowledges: most are light ones.
        """
        if self._next_full_us is None or ack_index <= self._sent_index:
            return None
        if now_us - self._sent_us < FULL_ACK_INTERVAL_US:
            self._next_full_us = self._sent_us + LATE_ACK_US
            return None
        self._packets = 0
        if self._next_number <= EAGER_FULL_ACKS or now_us - self._full_us >= SPARSE_FULL_US:
            self._next_full_us = self._repeat_us(round_trip, now_us)
            return self.open_ack(ack_index, now_us)
        self._sent_index, self._sent_us = ack_index, now_us
        self._next_full_us = self._full_us + 2 * SPARSE_FULL_US
        return 0

    def _repeat_us(self, round_trip: RoundTrip, now_us: int) -> int:
        return now_us + max(FULL_ACK_INTERVAL_US, round_trip.rtt_us + 4 * round_trip.variance_us)

    def say_again(self, now_us: int) -> None:
        """Have a full ACK sent within 10 ms although its position is known: something else in it has changed."""
        self._settled_index = min(self._settled_index, self._sent_index - 1)
        self._end_rest(now_us)
        self._schedule(now_us)

    def _schedule(self, now_us: int) -> None:
        due_us = now_us + FULL_ACK_INTERVAL_US
        for earlier_us in (self._next_full_us, self._rest_until_us):
            if earlier_us is not None and earlier_us < due_us:
                due_us = earlier_us
        self._next_full_us, self._rest_until_us = due_us, None

    def rest(self, ack_index: int) -> None:
        """Want no call of `poll_full` that would find everything below ``ack_index`` answered."""
        if self._next_full_us is not None and ack_index <= self._settled_index:
            self._next_full_us, self._rest_until_us = None, self._next_full_us

    def _end_rest(self, now_us: int) -> None:
        """Do what `poll_full` would have done meanwhile."""
        if self._rest_until_us is not None and now_us >= self._rest_until_us:
            self._rest_until_us = None
            self._packets = 0

    def open_ack(self, ack_index: int, now_us: int) -> int:
        """Return the number of a full ACK for everything below ``ack_index`` that is sent now."""
        self._sent_index = max(self._sent_index, ack_index)
        self._sent_us = self._full_us = now_us
        number = self._next_number
        self._next_number = (number + 1) & 0x7FFF_FFFF or 1
        self._open[number] = (now_us, ack_index)
        if len(self._open) > MAX_OPEN_ACKS:
            self._open.popitem(last=False)
        return number

    def handle_ackack(self, number: int, now_us: int) -> int | None:
        """Settle the full ACK ``number``; return the measured round trip in microseconds, or None if unknown."""
        record = self._open.pop(number, None)
        if record is None:
            return None
        sent_us, index = record
        self._settled_index = max(self._settled_index, index)
        return now_us - sent_us
