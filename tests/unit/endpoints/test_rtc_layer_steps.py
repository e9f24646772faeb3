"""By how many layers a link bears less than the best."""

from itertools import pairwise

from headrace.endpoints.rtc_layer_steps import (
    MAX_PATIENCE_US,
    NAK_WINDOW_US,
    PATIENCE_US,
    QUEUE_US,
    SETTLE_US,
    LayerSteps,
)

RATES = [2_500_000, 600_000, 150_000]
SECOND = 1_000_000
RTT_US = 30_000


class Link:
    """A link of which reports come once a second."""

    def __init__(self, bears_bps: float = 1e9, *, rtt_us: int = RTT_US) -> None:
        self.steps = LayerSteps()
        self.now_us = 5 * SECOND
        self.bears_bps = bears_bps
        self.rtt_us = rtt_us
        self.counts: list[int] = []
        for _ in range(3):
            # At first the backlog is passed over.
            self.report(0.0)

    def report(self, lost: float | None = None, rates: list[int] = RATES) -> int:
        self.now_us += SECOND
        if lost is None:
            lost = max(0.0, 1 - self.bears_bps / rates[min(self.steps.count, len(rates) - 1)])
        self.steps.handle_report(lost, self.rtt_us, rates, self.now_us)
        self.counts.append(self.steps.count)
        return self.steps.count

    def run(self, reports: int) -> list[int]:
        return [self.report() for _ in range(reports)]


def test_a_link_that_bears_all_gets_the_best() -> None:
    assert set(Link().run(120)) == {0}


def test_heavy_loss_leads_at_once_to_the_layer_that_fits_what_came_through() -> None:
    assert Link(800_000).report() == 1
    assert Link(400_000).report() == 2
    assert Link(10_000).report() == 2


def test_loss_of_a_tenth_counts_when_it_is_there_twice_in_a_row() -> None:
    link = Link()
    assert [link.report(0.15), link.report(0.0), link.report(0.15), link.report(0.15)] == [0, 0, 0, 1]


def test_loss_that_resends_mend_costs_no_layer_but_nothing_better_is_tried_with_it() -> None:
    link = Link()
    assert {link.report(0.09) for _ in range(100)} == {0}
    link.report(0.5)
    assert {link.report(0.05) for _ in range(100)} == {1}


def test_what_a_link_cannot_bear_is_tried_again_less_and_less_often() -> None:
    link = Link(1_000_000)
    counts = link.run(600)
    tries = [at for at in range(1, 600) if counts[at] < counts[at - 1]]
    pauses = [other - one for one, other in pairwise(tries)]
    assert pauses == sorted(pauses)
    assert pauses[0] < 25
    assert pauses[-1] >= MAX_PATIENCE_US // SECOND
    # Each time it is too much for some seconds only.
    assert counts.count(0) < 4 * (len(tries) + 1)


def test_when_a_link_opens_the_best_comes_back_layer_by_layer() -> None:
    link = Link(200_000)
    link.run(5)
    assert link.steps.count == 2
    link.bears_bps = 1e9
    counts = link.run(40)
    assert counts[-1] == 0
    assert 1 in counts
    assert counts.index(1) >= PATIENCE_US // SECOND - 3
    # It has lasted: the next time it is tried as soon as at first.
    link.run(10)
    link.report(0.5)
    before = len(link.counts)
    link.run(20)
    assert link.counts[before:].index(0) <= (PATIENCE_US + SETTLE_US) // SECOND + 1


def test_a_queue_on_the_way_leads_to_a_lower_layer_though_nothing_is_lost() -> None:
    link = Link()
    link.run(3)
    link.rtt_us = RTT_US + QUEUE_US + 10_000
    assert link.run(3) == [0, 0, 1]


def test_one_late_report_is_no_queue_and_neither_is_a_long_way() -> None:
    link = Link(rtt_us=600_000)
    assert set(link.run(60)) == {0}
    link = Link()
    for number in range(30):
        link.rtt_us = RTT_US + (QUEUE_US + 10_000 if number % 3 else 0)
        assert link.report() == 0


def test_packets_that_are_asked_for_tell_before_the_report_does() -> None:
    link = Link()
    begin_us = link.now_us
    for number in range(11):
        link.steps.handle_naks(10, number * 12, RATES, begin_us + number * NAK_WINDOW_US // 10)
    assert link.steps.count == 1
    few = Link()
    for number in range(100):
        few.steps.handle_naks(1, number * 12, RATES, few.now_us + number * NAK_WINDOW_US // 10)
    assert few.steps.count == 0


def test_what_the_backlog_of_the_start_loses_is_not_taken_for_the_link() -> None:
    steps = LayerSteps()
    steps.handle_naks(100, 200, RATES, 0)
    steps.handle_naks(100, 200, RATES, NAK_WINDOW_US)
    steps.handle_report(0.6, RTT_US, RATES, SECOND)
    assert steps.count == 0


def test_what_is_reported_just_after_a_step_is_of_before_it() -> None:
    link = Link()
    assert [link.report(0.3), link.report(0.9)] == [1, 1]
    assert SECOND < SETTLE_US < 2 * SECOND
    assert link.report(0.9) == 2


def test_where_layers_are_stopped_the_count_is_of_those_that_are_left() -> None:
    link = Link(100_000)
    link.run(4)
    assert link.steps.count == 2
    link.bears_bps = 1e9
    assert min(link.report(rates=RATES[:2]) for _ in range(20)) == 0
    assert Link(10_000).report(rates=RATES[:1]) == 0
