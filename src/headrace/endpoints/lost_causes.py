"""Which subscribers are beyond help, and why.

Source: the reasons are explained to people in ``docs/operate/broker.md``.
"""

from typing import Final

import numpy as np

from headrace.fanout.subscriber_table import Rows, SubscriberTable
from headrace.srt.connection import DEFAULT_PEER_TIMEOUT_US

TIMEOUT: Final = "timeout"
ACKNOWLEDGES_NOTHING: Final = "acknowledges_nothing"
BEYOND_RECOVERY: Final = "beyond_recovery"

LOOK_INTERVAL_US: Final = 1_000_000
MAX_LOOKS_IN_VAIN: Final = 10
"""At so many looks in a row it had been sent more and had acknowledged none of it. libsrt acknowledges every 10 ms
whatever its application does, until 8192 packets wait in its buffer, so one that stalls for some seconds lives."""
MAX_STARVING_US: Final = 30_000_000
"""So long it asked for more than it may have, again and again: it sees no picture, and a longer latency or a lower
rate is what it needs."""


class LostCauses:
    """Looks the table over for subscribers that are to be dropped.

    Only what was sent can be acknowledged: while a channel is paused, even with its end lost, no look counts.

    Args:
        table: Where the subscribers are rows.
    """

    __slots__ = ("_look_us", "_table")

    def __init__(self, table: SubscriberTable) -> None:
        self._table = table
        self._look_us = 0

    def find(self, now_us: int) -> dict[str, Rows]:
        """Return the rows to be dropped by reason; none stands there twice."""
        used = self._table.used()
        if now_us >= self._look_us:
            self._look_us = now_us + LOOK_INTERVAL_US
            self._look(used)
        entries = self._table.rows
        silent = now_us - entries["heard_us"][used] >= DEFAULT_PEER_TIMEOUT_US
        mute = ~silent & (entries["looks_in_vain"][used] >= MAX_LOOKS_IN_VAIN)
        starving = entries["refused_us"][used] - entries["starving_us"][used] >= MAX_STARVING_US
        beyond = starving & ~silent & ~mute
        return {TIMEOUT: used[silent], ACKNOWLEDGES_NOTHING: used[mute], BEYOND_RECOVERY: used[beyond]}

    def _look(self, used: Rows) -> None:
        entries = self._table.rows
        acked, sent = entries["acked_index"][used], entries["sent_packets"][used]
        has_progressed = acked > entries["seen_acked_index"][used]
        is_in_vain = (sent > entries["seen_packets"][used]) & (acked < entries["next_index"][used])
        looks = np.where(has_progressed, 0, entries["looks_in_vain"][used] + is_in_vain)
        entries["looks_in_vain"][used] = looks
        entries["seen_acked_index"][used], entries["seen_packets"][used] = acked, sent
