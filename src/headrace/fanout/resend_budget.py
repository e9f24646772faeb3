"""How much may be sent again: to each subscriber, to all together, and at a time.

A subscriber earns resends with what it is sent for the first time. Half of that is its own whatever the others do;
who asks for more shares with all others who do, so a greedy one never takes what an honest one needs.

Source: token buckets; the figures are reckoned from loss, where each is.
"""

from collections import Counter
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from headrace.base.datagram_batch import BoolArray, I64Array
from headrace.fanout.resends import MAX_RESENDS_PER_REPORT_PACKETS, totals_before
from headrace.fanout.subscriber_table import Rows, SubscriberTable

F64Array: TypeAlias = NDArray[np.float64]

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


class ResendPool:
    """What all share who ask for more than is their own, and how much of a round is used.

    Args:
        round_packets: All that are sent again in a round.
        fair_round_packets: Of these, for those who ask for no more than is their own.

    Attributes:
        shared_packets: What is there to be shared.
    """

    __slots__ = (
        "_counted_packets",
        "_fair_round_packets",
        "_round_packets",
        "_round_us",
        "_settled_us",
        "_used_packets",
        "shared_packets",
    )

    def __init__(self, round_packets: int, fair_round_packets: int) -> None:
        self._round_packets = round_packets
        self._fair_round_packets = fair_round_packets
        self.shared_packets = float(MAX_SHARED_PACKETS)
        self._counted_packets = self._settled_us = self._round_us = self._used_packets = 0

    def note_sent(self, packets: int) -> None:
        """Count packets that were sent for the first time, to whomever."""
        self._counted_packets += packets

    def settle(self, now_us: int) -> bool:
        """Give what was earned since the last time to those who share; return whether a round begins."""
        earned = SHARED_RESENDS_PER_PACKET * self._counted_packets
        earned += SHARED_FLOOR_PACKETS_PER_SECOND * (now_us - self._settled_us) / 1_000_000
        self.shared_packets = min(float(MAX_SHARED_PACKETS), self.shared_packets + earned)
        self._counted_packets, self._settled_us = 0, now_us
        is_due = now_us - self._round_us >= ROUND_US
        if is_due:
            self._round_us, self._used_packets = now_us, 0
        return is_due

    def take(self, wanted: int, own: float, fair: float, most: int) -> int:
        """Return how many of ``wanted`` packets are sent again; take what is not the asker's own from all.

        Args:
            wanted: How many are asked for.
            own: What the asker has earned.
            fair: Of that, what it has without sharing.
            most: What it may still have of this round.
        """
        used = self._used_packets
        shared = min(int(self.shared_packets), max(0, self._round_packets - self._fair_round_packets - used))
        granted = min(wanted, int(own), int(fair) + shared, self._round_packets - used, most)
        self.shared_packets -= max(0.0, granted - fair)
        self._used_packets += granted
        return granted


class ResendBudget:
    """What may still be sent again. Credits of a subscriber are columns of its row.

    A subscriber saves up no more than its channel's ring holds: each packet that it can ask for, once.

    Args:
        table: Where the subscribers are rows.
    """

    __slots__ = ("_pool", "_round_packets", "_table")

    def __init__(self, table: SubscriberTable) -> None:
        self._table = table
        self._pool = ResendPool(MAX_ROUND_PACKETS, FAIR_ROUND_PACKETS)
        self._round_packets: Counter[int] = Counter()

    def note_sent(self, packets: int) -> None:
        """Count packets that were sent for the first time, to whomever."""
        self._pool.note_sent(packets)

    def admit(self, rows: Rows, capacity_packets: I64Array, now_us: int) -> BoolArray:
        """Return which packets may be sent again now; each counts as sent then.

        Args:
            rows: Of the table, whom each packet is for; shape ``(m,)``.
            capacity_packets: Of that channel's ring; shape ``(m,)``.
            now_us: The time.
        """
        distinct, first, place, wanted = np.unique(
            rows, return_index=True, return_inverse=True, return_counts=True
        )
        in_turn = np.argsort(first)
        granted = np.empty_like(wanted)
        asking = distinct[in_turn], wanted[in_turn], capacity_packets[first[in_turn]]
        granted[in_turn] = self.grant(*asking, now_us)
        return totals_before(rows, np.ones(len(rows), np.int64)) < granted[place]

    def grant(self, rows: Rows, wanted_packets: I64Array, capacity_packets: I64Array, now_us: int) -> I64Array:
        """Return how many packets each subscriber is sent again now; shape ``(n,)``.

        Args:
            rows: Of the table, none twice; who comes first is served first; shape ``(n,)``.
            wanted_packets: How many each asks for; shape ``(n,)``.
            capacity_packets: Of its channel's ring; shape ``(n,)``.
            now_us: The time.
        """
        if self._pool.settle(now_us):
            self._round_packets.clear()
        own, fair = self._settle_rows(rows, capacity_packets, now_us)
        asked = zip(rows.tolist(), wanted_packets.tolist(), own.tolist(), fair.tolist(), strict=True)
        granted = np.array([self._spend(*of_row, now_us) for of_row in asked], np.int64)
        self._table.rows["resend_credit_packets"][rows] = own - granted
        self._table.rows["fair_credit_packets"][rows] = np.maximum(fair - granted, 0)
        return granted

    def _spend(self, row: int, wanted: int, own: float, fair: float, now_us: int) -> int:
        """Return how many of ``wanted`` packets one subscriber is sent."""
        shared = self._pool.shared_packets
        most = MAX_RESENDS_PER_REPORT_PACKETS - self._round_packets[row]
        granted = self._pool.take(wanted, own, fair, most)
        if granted < wanted and min(own, fair + shared) - granted < _LEFT_OVER_PACKETS:
            self._note_refused(row, now_us)
        self._round_packets[row] += granted
        return granted

    def _note_refused(self, row: int, now_us: int) -> None:
        entry = self._table.rows[row]
        if now_us - int(entry["refused_us"]) > PATIENCE_US:
            entry["starving_us"] = now_us
        entry["refused_us"] = now_us

    def _settle_rows(self, rows: Rows, capacity_packets: I64Array, now_us: int) -> tuple[F64Array, F64Array]:
        """Note what each subscriber has earned since the last time; return both its credits."""
        entries = self._table.rows
        sent_packets = entries["sent_packets"][rows]
        sent = sent_packets - entries["credited_packets"][rows]
        floor = FLOOR_PACKETS_PER_SECOND * (now_us - entries["credited_us"][rows]) / 1_000_000
        limit = np.maximum(capacity_packets, MAX_RESENDS_PER_REPORT_PACKETS)
        own = np.minimum(limit, entries["resend_credit_packets"][rows] + RESENDS_PER_PACKET * sent + floor)
        fair = np.minimum(limit, entries["fair_credit_packets"][rows] + FAIR_RESENDS_PER_PACKET * sent + floor)
        entries["credited_packets"][rows], entries["credited_us"][rows] = sent_packets, now_us
        return own, fair
