"""How much may be sent again: to each subscriber, to all together, and at a time.

A subscriber earns resends with what it is sent for the first time. Half of that is its own whatever the others do;
who asks for more shares with all others who do, so a greedy one never takes what an honest one needs.

Source: token buckets; the figures are reckoned from loss, where each is.
"""

from collections import Counter
from typing import Final

from headrace.fanout.resends import MAX_RESENDS_PER_REPORT_PACKETS
from headrace.fanout.subscriber_table import SubscriberTable

RESENDS_PER_PACKET: Final = 1.0
"""Most that one subscriber gets again for each packet that it was sent. A link that loses half needs as much."""
FAIR_RESENDS_PER_PACKET: Final = 0.5
"""What it has without sharing. A fifth lost each way costs a third: a quarter for the losses and the losses of
resends, and 30 % more because a report may come before the resend has."""
SHARED_RESENDS_PER_PACKET: Final = 0.25
"""What all who need more share, for each packet sent to anybody: all resends together stay below three quarters of
what is sent for the first time."""
FLOOR_PACKETS_PER_SECOND: Final = 10
"""Earned although nothing is sent, so that the end of a paused channel can be had; less than ACKs cost."""
SHARED_FLOOR_PACKETS_PER_SECOND: Final = 1_000
"""12 Mbit/s, so that a broker with few subscribers has something to share."""
MAX_SHARED_PACKETS: Final = 16_384
"""Saved up at the most: 24 MB."""
MAX_ROUND_PACKETS: Final = 1_024
ROUND_US: Final = 5_000
"""1,024 resends take two milliseconds, so that everybody else waits no longer: 2.4 Gbit/s are all that a core can
send. One subscriber gets a loss report's worth of a round; who gets none asks again 20 ms later."""
FAIR_ROUND_PACKETS: Final = 512
"""This half of a round is for those who ask for no more than is their own."""
PATIENCE_US: Final = 2_000_000
"""Who was refused nothing for so long has recovered: reports come every half round trip."""
_LEFT_OVER_PACKETS: Final = 2
"""Two credits are rounded down."""


class ResendBudget:
    """What may still be sent again. Credits of a subscriber are columns of its row.

    A subscriber saves up no more than its channel's ring holds: each packet that it can ask for, once.

    Args:
        table: Where the subscribers are rows.
    """

    __slots__ = (
        "_counted_packets",
        "_round_packets",
        "_round_us",
        "_settled_us",
        "_shared_packets",
        "_table",
    )

    def __init__(self, table: SubscriberTable) -> None:
        self._table = table
        self._shared_packets = float(MAX_SHARED_PACKETS)
        self._counted_packets = 0
        self._settled_us = 0
        self._round_us = 0
        self._round_packets: Counter[int] = Counter()

    def note_sent(self, packets: int) -> None:
        """Count packets that were sent for the first time, to whomever."""
        self._counted_packets += packets

    def room_packets(self, row: int, capacity_packets: int, now_us: int) -> int:
        """Return how many packets subscriber ``row`` may be sent again now.

        Args:
            row: Of the table.
            capacity_packets: Of its channel's ring.
            now_us: The time.
        """
        self._settle(now_us)
        own, fair = self._settle_row(row, capacity_packets, now_us)
        used = self._round_packets.total()
        shared = min(int(self._shared_packets), max(0, MAX_ROUND_PACKETS - FAIR_ROUND_PACKETS - used))
        of_round = min(MAX_ROUND_PACKETS - used, MAX_RESENDS_PER_REPORT_PACKETS - self._round_packets[row])
        return min(int(own), int(fair) + shared, of_round)

    def spend(self, row: int, packets: int, *, is_cut: bool, now_us: int) -> None:
        """Note that ``packets`` were sent again to ``row``.

        Args:
            row: Of the table.
            packets: At most what `room_packets` has just said.
            is_cut: It has asked for more.
            now_us: The time.
        """
        entry = self._table.rows[row]
        own, fair = float(entry["resend_credit_packets"]), float(entry["fair_credit_packets"])
        if is_cut and min(own, fair + self._shared_packets) - packets < _LEFT_OVER_PACKETS:
            if now_us - int(entry["refused_us"]) > PATIENCE_US:
                entry["starving_us"] = now_us
            entry["refused_us"] = now_us
        entry["resend_credit_packets"] = own - packets
        entry["fair_credit_packets"] = max(0.0, fair - packets)
        self._shared_packets -= max(0.0, packets - fair)
        self._round_packets[row] += packets

    def _settle(self, now_us: int) -> None:
        """Give what was earned since the last time to those who share; begin a round if one is due."""
        earned = SHARED_RESENDS_PER_PACKET * self._counted_packets
        earned += SHARED_FLOOR_PACKETS_PER_SECOND * (now_us - self._settled_us) / 1_000_000
        self._shared_packets = min(float(MAX_SHARED_PACKETS), self._shared_packets + earned)
        self._counted_packets, self._settled_us = 0, now_us
        if now_us - self._round_us >= ROUND_US:
            self._round_us = now_us
            self._round_packets.clear()

    def _settle_row(self, row: int, capacity_packets: int, now_us: int) -> tuple[float, float]:
        """Give a subscriber what it has earned since the last time; return both its credits."""
        entry = self._table.rows[row]
        sent_packets = int(entry["sent_packets"])
        sent = sent_packets - int(entry["credited_packets"])
        floor = FLOOR_PACKETS_PER_SECOND * (now_us - int(entry["credited_us"])) / 1_000_000
        limit = max(capacity_packets, MAX_RESENDS_PER_REPORT_PACKETS)
        own = min(limit, float(entry["resend_credit_packets"]) + RESENDS_PER_PACKET * sent + floor)
        fair = min(limit, float(entry["fair_credit_packets"]) + FAIR_RESENDS_PER_PACKET * sent + floor)
        entry["resend_credit_packets"], entry["fair_credit_packets"] = own, fair
        entry["credited_packets"], entry["credited_us"] = sent_packets, now_us
        return own, fair
