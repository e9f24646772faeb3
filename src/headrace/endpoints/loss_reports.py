"""What subscribers' loss reports are answered with, within what each and all may have.

Source: ``docs/internals/srt.md``; the limits are `headrace.fanout.resends`' and `headrace.fanout.resend_budget`'s.
"""

from collections import Counter

from headrace.base.errors import PacketError
from headrace.fanout.resend_budget import ResendBudget
from headrace.fanout.resends import (
    MAX_REPORT_WORDS_PER_SWEEP,
    NO_ANSWER,
    LossAnswer,
    ResendMemory,
    answer_loss_report,
)
from headrace.fanout.subscriber_table import SubscriberTable
from headrace.hub.channel import Channel
from headrace.srt.packet import decode_loss_report


class LossReports:
    """Decides what is sent again; the subscriber's links send it.

    Args:
        table: Where the subscribers are rows.
        ignored: Counts what is dropped, by reason.

    Attributes:
        budget: What may still be sent again.
    """

    __slots__ = ("_ignored", "_memories", "_table", "_words", "budget")

    def __init__(self, table: SubscriberTable, ignored: Counter[str]) -> None:
        self.budget = ResendBudget(table)
        self._table = table
        self._ignored = ignored
        self._memories: dict[int, ResendMemory] = {}
        self._words: Counter[int] = Counter()

    def handle_report(self, body: bytes, row: int, channel: Channel, now_us: int) -> LossAnswer:
        """Take the report of subscriber ``row``; return what to send it, which counts as sent."""
        entry = self._table.rows[row]
        entry["naks_packets"] += 1
        self._words[row] += len(body) // 4
        if self._words[row] > MAX_REPORT_WORDS_PER_SWEEP:
            self._ignored["too_many_loss_reports"] += 1
            return NO_ANSWER
        try:
            ranges = decode_loss_report(body)
        except PacketError as error:
            self._ignored[error.reason] += 1
            return NO_ANSWER
        answer = answer_loss_report(
            ranges,
            seqno_offset=int(entry["seqno_offset"]),
            start_index=int(entry["start_index"]),
            next_index=int(entry["next_index"]),
            hopeless_index=channel.succession.hopeless_index,
            ring=channel.ring,
        )
        return self._within_limits(answer, row, channel, now_us)

    def _within_limits(self, answer: LossAnswer, row: int, channel: Channel, now_us: int) -> LossAnswer:
        ring, rtt_us = channel.ring, int(self._table.rows["rtt_us"][row])
        # What came late has just been sent for the first time; the report was written before it could arrive.
        late_us = ring.late_us[ring.slots(answer.resend_indices)]
        memory = self._memories.setdefault(row, ResendMemory())
        wanted = memory.admit(answer.resend_indices[late_us <= now_us - rtt_us], rtt_us, now_us)
        room_packets = self.budget.room_packets(row, ring.capacity_packets, now_us)
        granted = wanted[:room_packets]
        is_cut = len(granted) < len(wanted)
        self.budget.spend(row, len(granted), is_cut=is_cut, now_us=now_us)
        memory.remember(granted, now_us)
        self._ignored["resends_beyond_budget"] += len(wanted) - len(granted)
        return LossAnswer(granted, answer.gone)

    def handle_sweep(self) -> None:
        """Begin a new interval in which every subscriber may report so many losses."""
        self._words.clear()

    def forget(self, row: int) -> None:
        """Drop what is kept of a subscriber."""
        self._memories.pop(row, None)
