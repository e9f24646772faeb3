"""Which packets a subscriber's loss report gets again, and which it must stop asking for.

Source: ``docs/internals/srt.md``: a receiver repeats its report about every half round trip.
"""

from itertools import islice, takewhile
from typing import Final, NamedTuple

import numpy as np

from headrace.base.datagram_batch import I64Array
from headrace.base.seqno import SEQNO_MASK, seqno_distance
from headrace.fanout.ring import Ring

MAX_RESENDS_PER_REPORT_PACKETS: Final = 256
"""One datagram can name 2**30 packets. So many are looked for; the rest is asked for again 20 ms later or more."""
MAX_REPORT_WORDS_PER_SWEEP: Final = 1456
"""Four full loss reports of one subscriber within 50 ms; an honest one sends two and a half at most. Taking one in
costs half a millisecond."""
MIN_RESEND_INTERVAL_US: Final = 10_000
"""Whatever round trip a subscriber claims: no receiver repeats a loss report sooner than after 20 ms."""
MAX_DROP_REQUESTS_PER_REPORT: Final = 16
"""One report can name 364 single packets; an answer is not to be many times as large as what asked for it."""
MAX_REMEMBERED_PACKETS: Final = 1024
"""Resends remembered for one subscriber: over a second of what it can get at the limit above."""


class LossAnswer(NamedTuple):
    """What to do about one loss report.

    Attributes:
        resend_indices: Channel packets to send again, oldest first; shape ``(k,)``.
        gone: Ranges of channel packets, first and last, of which none will ever come: to be said in drop
            requests, so that the subscriber stops asking.
    """

    resend_indices: I64Array
    gone: list[tuple[int, int]]


NO_ANSWER: Final = LossAnswer(np.empty(0, np.int64), [])


class ResendMemory:
    """When each packet was last sent again to one subscriber."""

    __slots__ = ("_sent_us",)

    def __init__(self) -> None:
        self._sent_us: dict[int, int] = {}

    def admit(self, indices: I64Array, rtt_us: int, now_us: int) -> I64Array:
        """Return those of ``indices`` that were not resent within the last round trip.

        A report that comes within a round trip of a resend was written before the resend could arrive.
        """
        limit_us = now_us - max(rtt_us, MIN_RESEND_INTERVAL_US)
        sent_us = self._sent_us
        for index in list(takewhile(lambda index: sent_us[index] <= limit_us, sent_us)):
            del sent_us[index]
        wanted = dict.fromkeys(indices.tolist())  # a report may name a packet a hundred times
        return np.array([index for index in wanted if index not in sent_us], np.int64)

    def remember(self, indices: I64Array, now_us: int) -> None:
        """Note that ``indices`` are sent again now."""
        sent_us = self._sent_us
        for index in indices.tolist():
            sent_us.pop(index, None)  # so that the oldest resend stays first
            sent_us[index] = now_us
        for index in list(islice(sent_us, max(0, len(sent_us) - MAX_REMEMBERED_PACKETS))):
            del sent_us[index]


def answer_loss_report(
    ranges: list[tuple[int, int]],
    *,
    seqno_offset: int,
    start_index: int,
    next_index: int,
    hopeless_index: int,
    ring: Ring,
) -> LossAnswer:
    """Return what to do about the ``ranges`` (wire sequence numbers, first and last) of a loss report.

    A packet that the channel is still waiting for itself is not answered: it is sent on when it comes.

    Args:
        ranges: As `headrace.srt.packet.decode_loss_report` gives them.
        seqno_offset: The subscriber's.
        start_index: First channel packet that it was to get.
        next_index: One past the newest that it was sent.
        hopeless_index: What is older than this and not in the ring will never come.
        ring: The channel's packets.
    """
    newest_seqno = (next_index + seqno_offset) & SEQNO_MASK
    reach = ring.next_index - ring.capacity_packets
    budget = MAX_RESENDS_PER_REPORT_PACKETS
    looked_at: list[_Span] = []
    gone: list[tuple[int, int]] = []
    for first_seqno, last_seqno in ranges:
        first = max(next_index + seqno_distance(newest_seqno, first_seqno), start_index)
        last = min(next_index + seqno_distance(newest_seqno, last_seqno), next_index - 1)
        begin, end = max(first, reach), min(last, max(first, reach) + budget - 1)
        if begin <= end:
            looked_at.append(_Span(first, begin, end))
            budget -= end - begin + 1
        elif first <= last < min(reach, hopeless_index):
            gone.append((first, last))
    held, missing = _look_up(looked_at, ring)
    gone += [(first, min(end, hopeless_index - 1)) for first, _, end in missing if first < hopeless_index]
    return LossAnswer(held, gone[:MAX_DROP_REQUESTS_PER_REPORT])


class _Span(NamedTuple):
    """Packets ``begin`` to ``end`` of a range that starts at ``first``, which may lie before the ring's reach."""

    first: int
    begin: int
    end: int


def _look_up(spans: list[_Span], ring: Ring) -> tuple[I64Array, list[_Span]]:
    """Return which packets of all spans are held, and the spans of which none is; one look for them all."""
    if not spans:
        return np.empty(0, np.int64), []
    wanted = np.concatenate([np.arange(begin, end + 1) for _, begin, end in spans])
    is_held = ring.holds(wanted)
    starts = np.cumsum([0] + [end - begin + 1 for _, begin, end in spans[:-1]])
    counts = np.add.reduceat(is_held.astype(np.int64), starts)
    held: I64Array = wanted[is_held]
    return held, [span for span, count in zip(spans, counts.tolist(), strict=True) if count == 0]
