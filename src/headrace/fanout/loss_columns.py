"""Loss reports of many subscribers decoded at once. The scalar twin is `headrace.srt.packet.decode_loss_report`.

Source: draft-sharabayko-srt, 3.2.5 and appendix A (how ranges are written).
"""

from collections import Counter
from typing import NamedTuple

import numpy as np

from headrace.base.datagram_batch import BoolArray, I64Array, U8Array
from headrace.base.seqno import SEQNO_MASK, seqno_distances
from headrace.fanout.subscriber_table import Rows, SubscriberTable
from headrace.srt.packet import CONTROL_BIT


class LossSpans(NamedTuple):
    """Ranges of lost packets; each column of shape ``(k,)``.

    Attributes:
        report: Which report names it; in order.
        first: Of the range.
        last: Of the range.
    """

    report: Rows
    first: I64Array
    last: I64Array

    def select(self, keep: BoolArray | Rows) -> "LossSpans":
        """Return the ranges where ``keep`` is True, or those at the places that it names."""
        return LossSpans(self.report[keep], self.first[keep], self.last[keep])


def decode_loss_reports(bodies: U8Array, word_counts: I64Array) -> tuple[LossSpans, Counter[str]]:
    """Return the ranges (wire sequence numbers) of ``n`` NAKs, and how many NAKs are malformed, by reason.

    Nothing of a malformed one is returned.

    Args:
        bodies: What follows each header, cut or filled up to whole words; shape ``(n, w)``, C-contiguous.
        word_counts: Words used of each; shape ``(n,)``.
    """
    is_word = np.arange(bodies.shape[1] // 4) < word_counts[:, None]
    words = bodies.view(">u4")[is_word].astype(np.int64)
    report = np.repeat(np.arange(len(bodies)), word_counts)
    malformed = Counter({"empty_nak": int(np.count_nonzero(word_counts == 0))})
    is_begin = words >= CONTROL_BIT
    if not is_begin.any():
        return LossSpans(report, words, words), malformed
    is_end = np.zeros_like(is_begin)
    is_end[1:] = is_begin[:-1] & ~is_begin[1:] & (report[1:] == report[:-1])
    heads = np.flatnonzero(~is_end)
    tails = heads + is_begin[heads]
    is_truncated = is_begin[heads] & ~is_end[np.minimum(tails, len(words) - 1)]
    tails[is_truncated] = heads[is_truncated]
    spans = LossSpans(report[heads], words[heads] & SEQNO_MASK, words[tails] & SEQNO_MASK)
    is_reversed = seqno_distances(spans.first, spans.last) < 0
    return _without_malformed(spans, is_truncated, is_reversed, malformed)


def _without_malformed(
    spans: LossSpans, is_truncated: BoolArray, is_reversed: BoolArray, malformed: Counter[str]
) -> tuple[LossSpans, Counter[str]]:
    wrong = np.flatnonzero(is_truncated | is_reversed)
    if not len(wrong):
        return spans, malformed
    reports, first_wrong = np.unique(spans.report[wrong], return_index=True)
    truncated = int(np.count_nonzero(is_truncated[wrong[first_wrong]]))
    malformed.update({"truncated_nak_range": truncated, "reversed_nak_range": len(reports) - truncated})
    return spans.select(~np.isin(spans.report, reports)), malformed


def to_channel_indices(spans: LossSpans, rows: Rows, table: SubscriberTable) -> LossSpans:
    """Return the channel packets of ``spans`` that were sent; a range without any is left out.

    Args:
        spans: Wire sequence numbers.
        rows: Of the table, the subscriber of each report; shape ``(n,)``.
        table: The subscribers.
    """
    entries = table.rows
    of_span = rows[spans.report]
    next_index, start_index = entries["next_index"][of_span], entries["start_index"][of_span]
    newest = next_index + entries["seqno_offset"][of_span]
    first = np.maximum(next_index + seqno_distances(newest, spans.first), start_index)
    last = np.minimum(next_index + seqno_distances(newest, spans.last), next_index - 1)
    sent = LossSpans(spans.report, first, last)
    return sent.select(first <= last)
