"""Loss reports answered within the limits."""

from collections import Counter

import pytest
from tests.support.fanout_tables import payload, subscribe
from tests.support.srt_datagrams import words

from headrace.endpoints.loss_reports import LossReports
from headrace.fanout.resend_budget import ROUND_US
from headrace.fanout.resends import MAX_REPORT_WORDS_PER_SWEEP
from headrace.fanout.subscriber_table import FIRST_RESENDS_PACKETS, SubscriberTable
from headrace.hub.channel import Channel

NOW_US = 1_000_000
FIRST_SEQNO = 100


class Scene:
    """A subscriber that has been sent 400 packets, and has earned nothing with them."""

    def __init__(self) -> None:
        self.table = SubscriberTable()
        self.ignored: Counter[str] = Counter()
        self.reports = LossReports(self.table, self.ignored)
        self.channel = Channel("A", self.table)
        for index in range(400):
            self.channel.stream.put(index, payload(index), 0)
        self.row = subscribe(self.table, 1, send_seqno=FIRST_SEQNO)
        self.table.rows["next_index"][self.row] = 400

    def report(self, first: int, last: int, now_us: int = NOW_US) -> list[int]:
        body = words(0x8000_0000 | (FIRST_SEQNO + first), FIRST_SEQNO + last)
        answer = self.reports.handle_report(body, self.row, self.channel, now_us)
        return [int(index) for index in answer.resend_indices]


def test_what_a_report_names_is_granted_and_counted() -> None:
    scene = Scene()
    assert scene.report(3, 5) == [3, 4, 5]
    assert scene.table.rows["naks_packets"][scene.row] == 1
    assert +scene.ignored == {}


def test_what_is_beyond_the_budget_is_refused_and_counted_and_may_be_asked_for_again() -> None:
    scene = Scene()
    assert scene.report(0, 199) == list(range(200))
    assert scene.report(200, 299, NOW_US + ROUND_US) == list(range(200, FIRST_RESENDS_PACKETS))
    assert scene.ignored["resends_beyond_budget"] == 300 - FIRST_RESENDS_PACKETS
    assert scene.table.rows["refused_us"][scene.row] == NOW_US + ROUND_US
    scene.table.rows["sent_packets"][scene.row] = 100
    assert scene.report(FIRST_RESENDS_PACKETS, 299, NOW_US + 2 * ROUND_US) == list(range(256, 300))


@pytest.mark.parametrize(("words_of_report", "is_heard"), [(1456, True), (1457, False)])
def test_so_many_words_are_taken_in_within_a_sweep(words_of_report: int, *, is_heard: bool) -> None:
    assert MAX_REPORT_WORDS_PER_SWEEP == 1456
    scene = Scene()
    body = words(*[FIRST_SEQNO + 7] * words_of_report)
    answer = scene.reports.handle_report(body, scene.row, scene.channel, NOW_US)
    assert (len(answer.resend_indices) > 0) == is_heard
    assert scene.ignored["too_many_loss_reports"] == (not is_heard)
    scene.reports.handle_sweep()
    assert scene.report(9, 9) == [9]


def test_a_malformed_report_is_counted_under_its_reason() -> None:
    scene = Scene()
    answer = scene.reports.handle_report(b"", scene.row, scene.channel, NOW_US)
    assert (len(answer.resend_indices), answer.gone) == (0, [])
    assert +scene.ignored == {"empty_nak": 1}


def test_a_subscriber_that_is_gone_leaves_nothing() -> None:
    scene = Scene()
    scene.report(0, 100)
    scene.reports.forget(scene.row)
    assert scene.reports._memories == {}
