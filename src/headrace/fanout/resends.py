"""Which packets subscribers' loss reports get again, and which they must stop asking for.

Source: ``docs/internals/srt.md``: a receiver repeats its report about every half round trip.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from headrace.base.datagram_batch import BoolArray, I64Array
from headrace.fanout.loss_columns import LossSpans
from headrace.fanout.ring import Ring
from headrace.fanout.subscriber_table import NEVER_US, Rows

MAX_RESENDS_PER_REPORT_PACKETS: Final = 256
"""One datagram can name 2**30 packets. So many are looked for; the rest is asked for again 20 ms later or more."""
MAX_REPORT_WORDS_PER_SWEEP: Final = 1456
"""Four full loss reports of one subscriber within 50 ms; an honest one sends two and a half at most."""
MAX_WANTED_PACKETS: Final = 8_192
"""Of a batch of reports: eight times what can be sent at once. The rest is asked for again; looking at more takes
longer than three milliseconds."""
MIN_RESEND_INTERVAL_US: Final = 10_000
"""Whatever round trip a subscriber claims: no receiver repeats a loss report sooner than after 20 ms."""
OWN_DELAY_US: Final = 25_000
"""A broker adds so much to a round trip at worst: a first report gathers for 20 ms, and sending to a thousand
takes 5."""
MAX_DROP_REQUESTS_PER_REPORT: Final = 16
"""One report can name 364 single packets; an answer is not to be many times as large as what asked for it."""
MAX_REMEMBERED_PACKETS: Final = 1024
"""Resends remembered for one subscriber: over a second of what it can get at the limit above."""


class LossSource(NamedTuple):
    """Where a channel's packets are.

    Attributes:
        ring: Those that are here.
        hopeless_index: What is older than this and not in the ring will never come.
    """

    ring: Ring
    hopeless_index: int


class LossAnswers(NamedTuple):
    """What to do about a batch of loss reports.

    Attributes:
        report: Who asked for the packet, for each that is here; shape ``(m,)``.
        packet_index: The channel packet's; shape ``(m,)``.
        late_us: When it was sent on, if others had been before it; else 0; shape ``(m,)``.
        gone: Channel packets of which none will ever come: to be said in drop requests, so that subscribers
            stop asking.
    """

    report: Rows
    packet_index: I64Array
    late_us: I64Array
    gone: LossSpans


def answer_loss_reports(
    spans: LossSpans, *, subscribers: Rows, channels: Rows, sources: Sequence[LossSource]
) -> LossAnswers:
    """Return what to do about the channel packets ``spans``, which are none of them empty.

    A packet that the channel is still waiting for itself is not answered: it is sent on when it comes. All reports
    of one subscriber are one.

    Args:
        spans: What was reported.
        subscribers: Tells who sent each report; shape ``(n,)``.
        channels: Number of the source of each report; shape ``(n,)``.
        sources: By number.
    """
    channel = channels[spans.report]
    reach, hopeless = _limits(sources, channel)
    begin = np.maximum(spans.first, reach)
    reachable = np.maximum(spans.last - begin + 1, 0)
    packets = share_limit(subscribers[spans.report], reachable, MAX_RESENDS_PER_REPORT_PACKETS)
    place = np.repeat(np.arange(len(packets)), packets)
    wanted = np.arange(len(place)) - np.repeat(np.cumsum(packets) - packets - begin, packets)
    is_held, late_us = _look_up(sources, channel[place], wanted)
    held = np.bincount(place[is_held], minlength=len(packets))
    is_gone = (held == 0) & ((packets > 0) | (reachable == 0)) & (spans.first < hopeless)
    # What is within reach was looked for up to the limit and no further.
    end = np.where(reachable > 0, begin + packets, spans.last + 1)
    gone = LossSpans(spans.report, spans.first, np.minimum(end, hopeless) - 1).select(is_gone)
    requests = np.ones(len(gone.report), np.int64)
    gone = gone.select(share_limit(subscribers[gone.report], requests, MAX_DROP_REQUESTS_PER_REPORT) > 0)
    return LossAnswers(spans.report[place[is_held]], wanted[is_held], late_us[is_held], gone)


def _limits(sources: Sequence[LossSource], channel: Rows) -> tuple[I64Array, I64Array]:
    """Return how far back the slots of each span's ring reach, and its hopeless index; both of shape ``(k,)``."""
    reach = [ring.next_index - ring.capacity_packets for ring, _ in sources]
    hopeless = [hopeless_index for _, hopeless_index in sources]
    return np.array(reach, np.int64)[channel], np.array(hopeless, np.int64)[channel]


def _look_up(sources: Sequence[LossSource], channel: Rows, index: I64Array) -> tuple[BoolArray, I64Array]:
    """Return of each packet whether it is here, and when it was sent on late; both of shape ``(m,)``."""
    is_held, late_us = np.zeros(len(index), np.bool_), np.zeros(len(index), np.int64)
    for number, (ring, _) in enumerate(sources):
        of_ring = slice(None) if len(sources) == 1 else np.flatnonzero(channel == number)
        wanted = index[of_ring]
        if len(wanted):
            is_held[of_ring] = ring.holds(wanted)
            late_us[of_ring] = ring.late_us[ring.slots(wanted)]
    return is_held, late_us


def share_limit(keys: Rows, amounts: I64Array, limit: int) -> I64Array:
    """Return how much of each of ``amounts`` there is room for if those with one key have ``limit`` together."""
    if amounts.sum() <= limit:
        return amounts
    return np.clip(limit - totals_before(keys, amounts), 0, amounts)


def totals_before(keys: Rows, amounts: I64Array) -> I64Array:
    """Return for each of ``amounts``, none negative, the sum of those before it that have the same key."""
    order = np.argsort(keys, kind="stable")
    ordered_keys, ordered_amounts = keys[order], amounts[order]
    before = np.cumsum(ordered_amounts) - ordered_amounts
    is_first = np.ones(len(keys), np.bool_)
    is_first[1:] = ordered_keys[1:] != ordered_keys[:-1]
    totals = np.empty_like(before)
    totals[order] = before - np.maximum.accumulate(np.where(is_first, before, 0))
    return totals


class ResendMemory:
    """When each packet was last sent again to each subscriber."""

    __slots__ = ("_sent_us",)

    def __init__(self) -> None:
        self._sent_us: dict[int, dict[int, int]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._sent_us.values()))

    def admit(self, rows: Rows, indices: I64Array, limits_us: I64Array) -> Rows:
        """Return the places of those that were not sent again after ``limits_us``; none twice.

        A report that comes within a round trip of a resend was written before the resend could arrive.

        Args:
            rows: Of the table, whom each packet is for; shape ``(m,)``.
            indices: The packets; one may stand there a hundred times; shape ``(m,)``.
            limits_us: Shape ``(m,)``.
        """
        fresh: dict[tuple[int, int], int] = {}
        asked = zip(rows.tolist(), indices.tolist(), limits_us.tolist(), strict=True)
        for place, (row, index, limit_us) in enumerate(asked):
            sent_us = self._sent_us.get(row)
            if sent_us is None or sent_us.get(index, NEVER_US) <= limit_us:
                fresh.setdefault((row, index), place)
        return np.fromiter(fresh.values(), np.intp, len(fresh))

    def remember(self, rows: Rows, indices: I64Array, limits_us: I64Array, now_us: int) -> None:
        """Note that packets are sent again now, and forget what was before ``limits_us``; shapes as above."""
        asked = zip(rows.tolist(), indices.tolist(), limits_us.tolist(), strict=True)
        for row, index, limit_us in asked:
            sent_us = self._sent_us.setdefault(row, {})
            sent_us.pop(index, None)  # so that the oldest resend stays first
            sent_us[index] = now_us
            while sent_us[oldest := next(iter(sent_us))] <= limit_us or len(sent_us) > MAX_REMEMBERED_PACKETS:
                del sent_us[oldest]

    def forget(self, row: int) -> None:
        """Drop what is kept of a subscriber."""
        self._sent_us.pop(row, None)
