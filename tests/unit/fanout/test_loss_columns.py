"""Loss reports as columns, made by hand. The property test compares them with their twin."""

import numpy as np
import pytest
from tests.support.fanout_tables import subscribe
from tests.support.srt_datagrams import words

from headrace.fanout.loss_columns import LossSpans, decode_loss_reports, to_channel_indices
from headrace.fanout.subscriber_table import SubscriberTable

BEGIN = 0x8000_0000
WRAP = 1 << 31


def decode(*reports: tuple[int, ...]) -> tuple[list[tuple[int, int, int]], dict[str, int]]:
    """Decode reports given as words; return report, first and last of each range, and what was malformed."""
    width = max(map(len, reports))
    rows = np.frombuffer(b"".join(words(*report).ljust(4 * width, b"\xff") for report in reports), np.uint8)
    counts = np.array([len(report) for report in reports], np.int64)
    spans, malformed = decode_loss_reports(rows.reshape(len(reports), 4 * width), counts)
    return list(zip(*(column.tolist() for column in spans), strict=True)), dict(+malformed)


def test_single_packets_and_ranges_of_many_reports_are_read_in_their_order() -> None:
    assert decode((7,), (BEGIN | 3, 5, 9), (1, BEGIN | (WRAP - 1), 0)) == (
        [(0, 7, 7), (1, 3, 5), (1, 9, 9), (2, 1, 1), (2, WRAP - 1, 0)],
        {},
    )


@pytest.mark.parametrize(
    ("report", "reason"),
    [
        ((), "empty_nak"),
        ((BEGIN | 3,), "truncated_nak_range"),
        ((4, BEGIN | 3), "truncated_nak_range"),
        ((BEGIN | 3, BEGIN | 5), "truncated_nak_range"),
        ((BEGIN | 3, BEGIN | 5, 6), "truncated_nak_range"),
        ((BEGIN | 5, 3), "reversed_nak_range"),
        ((BEGIN | 5, 3, BEGIN | 7), "reversed_nak_range"),
        ((BEGIN | 7, BEGIN | 5, 3), "truncated_nak_range"),
    ],
)
def test_a_malformed_report_counts_once_by_its_first_fault_and_the_others_are_read(
    report: tuple[int, ...], reason: str
) -> None:
    assert decode((1, BEGIN | 2, 3), report, (4,)) == ([(0, 1, 1), (0, 2, 3), (2, 4, 4)], {reason: 1})


@pytest.mark.parametrize("offset", [0, WRAP - 50, -90, 5 * WRAP + 7])
def test_ranges_are_cut_to_what_the_subscriber_was_sent(offset: int) -> None:
    table = SubscriberTable()
    row = subscribe(table, 1, send_seqno=offset)
    table.rows["start_index"][row], table.rows["next_index"][row] = 20, 80
    ranges = np.array([(10, 15), (10, 25), (30, 30), (70, 90), (80, 85), (50, 40)])
    report = np.arange(len(ranges))
    wire = LossSpans(report, (ranges[:, 0] + offset) % WRAP, (ranges[:, 1] + offset) % WRAP)
    sent = to_channel_indices(wire, np.full(len(ranges), row), table)
    assert sent.report.tolist() == [1, 2, 3]
    assert list(zip(sent.first.tolist(), sent.last.tolist(), strict=True)) == [(20, 25), (30, 30), (70, 79)]
