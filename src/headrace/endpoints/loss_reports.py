"""Subscribers' loss reports, a batch at a time: what they are answered with, within what each and all may have.

Most are about what the channel itself still waits for, or has just sent on: with cut-through every subscriber
reports what the producer's hop has lost. A few operations on columns settle these for all.

Source: ``docs/decisions/0016-loss-reports-as-columns.md``; the limits are `headrace.fanout.resends`' and
`headrace.fanout.resend_budget`'s.
"""

from collections import Counter
from collections.abc import Mapping

import numpy as np

from headrace.base.datagram_batch import BoolArray, I64Array
from headrace.endpoints.packet_columns import PacketColumns
from headrace.endpoints.resender import Resender
from headrace.fanout.loss_columns import LossSpans, decode_loss_reports, to_channel_indices
from headrace.fanout.resend_budget import ResendBudget
from headrace.fanout.resends import (
    MAX_REPORT_WORDS_PER_SWEEP,
    MAX_WANTED_PACKETS,
    MIN_RESEND_INTERVAL_US,
    OWN_DELAY_US,
    LossAnswers,
    LossSource,
    ResendMemory,
    answer_loss_reports,
    totals_before,
)
from headrace.fanout.subscriber_table import Rows, SubscriberTable
from headrace.hub.channel import Channel
from headrace.srt.packet import HEADER_BYTES
from headrace.srt.rtt import INITIAL_RTT_VARIANCE_US


class LossReports:
    """Decides what is sent again, and has it sent.

    Args:
        table: Where the subscribers are rows.
        channels: By row.
        resender: Sends.
        ignored: Counts what is dropped, by reason.

    Attributes:
        budget: What may still be sent again.
    """

    __slots__ = ("_channels", "_ignored", "_memory", "_resender", "_table", "budget")

    def __init__(
        self, table: SubscriberTable, channels: Mapping[int, Channel], resender: Resender, ignored: Counter[str]
    ) -> None:
        self.budget = ResendBudget(table)
        self._table = table
        self._channels = channels
        self._resender = resender
        self._ignored = ignored
        self._memory = ResendMemory()

    def handle_reports(self, packets: PacketColumns, positions: Rows, rows: Rows, now_us: int) -> None:
        """Take the NAKs at ``positions`` of a batch, of subscribers ``rows``; both of shape ``(n,)``."""
        if not len(positions):
            return
        np.add.at(self._table.rows["naks_packets"], rows, 1)
        spans, rows = self._take_in(packets, positions, rows)
        if not len(spans.report):
            return
        numbers, channels = self._channels_of(rows)
        sources = [LossSource(channel.ring, channel.succession.hopeless_index) for channel in channels]
        answers = answer_loss_reports(spans, subscribers=rows, channels=numbers, sources=sources)
        self._resender.refuse(answers.gone.first, answers.gone.last, rows[answers.gone.report], now_us)
        lost = self._find_lost(answers, rows, now_us)
        if len(lost):
            report = answers.report[lost]
            self._resend(channels, numbers[report], rows[report], answers.packet_index[lost], now_us)

    def _take_in(self, packets: PacketColumns, positions: Rows, rows: Rows) -> tuple[LossSpans, Rows]:
        """Return what the reports name, in channel packets, and whose each report is that is taken in."""
        word_counts = (packets.lengths[positions] - HEADER_BYTES) // 4
        is_heard = self._hear(rows, word_counts)
        positions, rows, word_counts = positions[is_heard], rows[is_heard], word_counts[is_heard]
        end = HEADER_BYTES + 4 * int(word_counts.max(initial=0))
        spans, malformed = decode_loss_reports(packets.data[:, HEADER_BYTES:end][positions], word_counts)
        self._ignored.update(malformed)
        return to_channel_indices(spans, rows, self._table), rows

    def _hear(self, rows: Rows, word_counts: I64Array) -> BoolArray:
        """Return which reports are taken in; shape ``(n,)``."""
        entries = self._table.rows
        words = entries["reported_words"][rows] + totals_before(rows, word_counts) + word_counts
        is_heard: BoolArray = words <= MAX_REPORT_WORDS_PER_SWEEP
        np.add.at(entries["reported_words"], rows, word_counts)
        self._ignored["too_many_loss_reports"] += len(rows) - int(np.count_nonzero(is_heard))
        return is_heard

    def _find_lost(self, answers: LossAnswers, rows: Rows, now_us: int) -> Rows:
        """Return the places of the packets that were lost on the way to who reports them, as far as is looked.

        What the channel gets late it sends on at once, and all have asked for it by then. A report of it that is
        younger than a round trip was written before it arrived; taken for a loss, it would go out to all again.
        Of who has not measured one yet it is not known how it varies: 200 ms for that would be half a latency.
        """
        reporters = rows[answers.report]
        entries = self._table.rows
        rtt_us, variance_us = (entries[name][reporters].astype(np.int64) for name in ("rtt_us", "rtt_variance_us"))
        variance_us[variance_us == INITIAL_RTT_VARIANCE_US] = 0
        lost = np.flatnonzero(answers.late_us <= now_us - (rtt_us + 4 * variance_us + OWN_DELAY_US))
        self._ignored["resends_beyond_budget"] += max(0, len(lost) - MAX_WANTED_PACKETS)
        return lost[:MAX_WANTED_PACKETS]

    def _channels_of(self, rows: Rows) -> tuple[Rows, list[Channel]]:
        """Return the number of each subscriber's channel, of shape ``(n,)``, and the channels by number."""
        numbers: dict[Channel, int] = {}
        of_rows = [numbers.setdefault(self._channels[row], len(numbers)) for row in rows.tolist()]
        return np.array(of_rows, np.intp), list(numbers)

    def _resend(self, channels: list[Channel], numbers: Rows, rows: Rows, indices: I64Array, now_us: int) -> None:
        """Send packets of numbered channels again, as far as memory and budget let; all of shape ``(m,)``."""
        round_trip_us = self._table.rows["rtt_us"][rows].astype(np.int64)
        limits_us = now_us - np.maximum(round_trip_us, MIN_RESEND_INTERVAL_US)
        places = self._memory.admit(rows, indices, limits_us)
        if not len(places):
            return
        capacities = np.array([channel.ring.capacity_packets for channel in channels], np.int64)
        granted = places[self.budget.admit(rows[places], capacities[numbers[places]], now_us)]
        self._ignored["resends_beyond_budget"] += len(places) - len(granted)
        self._memory.remember(rows[granted], indices[granted], limits_us[granted], now_us)
        for number, channel in enumerate(channels):
            of_channel = granted[numbers[granted] == number]
            self._resender.send(channel, indices[of_channel], rows[of_channel], now_us)

    def handle_sweep(self) -> None:
        """Begin a new interval in which every subscriber may report so many losses."""
        self._table.rows["reported_words"] = 0

    def forget(self, row: int) -> None:
        """Drop what is kept of a subscriber."""
        self._memory.forget(row)
