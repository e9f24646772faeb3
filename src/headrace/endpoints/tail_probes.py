"""When the last packet of a channel that fell silent is sent once more.

A receiver notices a gap only when a later packet comes, so a lost last one is never reported.

Source: ``docs/internals/srt.md``.
"""

from typing import Final

import numpy as np

from headrace.endpoints.resender import Resender
from headrace.fanout.subscriber_table import SubscriberTable
from headrace.hub.channel import Channel

TAIL_PROBE_US: Final = 60_000
"""A channel that is silent for longer may have lost its last packet on the way: two frames at 30 a second."""
TAIL_PROBE_TIMES_US: Final = (TAIL_PROBE_US, *range(120_000, 1_080_001, 120_000))
"""After so much silence each. Losses come in bursts, which last while little is sent: four were often lost whole.
The last is still in time for a receiver with a latency of a second."""
MAX_TAIL_PROBES: Final = len(TAIL_PROBE_TIMES_US)


class TailProbes:
    """Counts the probes of each channel since its last packet; channels that are done with cost nothing.

    Args:
        table: Where the subscribers are rows.
        resender: Sends the probes.
    """

    __slots__ = ("_probes", "_resender", "_table")

    def __init__(self, table: SubscriberTable, resender: Resender) -> None:
        self._table = table
        self._resender = resender
        self._probes: dict[Channel, int] = {}

    def __len__(self) -> int:
        return len(self._probes)

    def restart(self, channel: Channel) -> None:
        """Note that the channel has just sent packets."""
        self._probes[channel] = 0

    def forget(self, channel: Channel) -> None:
        """Probe the channel no more."""
        self._probes.pop(channel, None)

    def handle_sweep(self, now_us: int) -> None:
        """Send what is due."""
        for channel in self.pop_due(now_us):
            self._probe(channel, now_us)

    def _probe(self, channel: Channel, now_us: int) -> None:
        """Send the newest packet again to those who have not acknowledged everything.

        Who only lacks what the channel itself still waits for has got it, most likely; when that comes, the count
        starts anew. Should it never come, the last probe goes to them too.
        """
        newest = channel.ring.held(np.array([channel.ring.next_index - 1], np.int64))
        rows = channel.subscribers.columns.rows
        entries = self._table.rows
        acked_index = entries["acked_index"][rows]
        is_behind = acked_index < entries["next_index"][rows]
        is_last = channel not in self._probes
        if not is_last:
            is_behind &= channel.ring.holds(acked_index) | (acked_index < channel.succession.hopeless_index)
        behind = rows[is_behind]
        if len(newest):
            self._resender.send(channel, np.repeat(newest, len(behind)), behind, now_us)

    def pop_due(self, now_us: int) -> list[Channel]:
        """Return the channels whose newest packet is to be sent again now."""
        due = [
            channel
            for channel, probes in self._probes.items()
            if now_us - channel.forwarded_us >= TAIL_PROBE_TIMES_US[probes]
        ]
        for channel in due:
            self._probes[channel] += 1
            if self._probes[channel] == MAX_TAIL_PROBES:
                del self._probes[channel]
        return due
