"""How long what subscribers send may wait."""

import pytest

from headrace.endpoints.patience import ALERT_US, LATENCY_SHARE, MOST_PATIENCE_US, Patience

NOW_US = 50_000_000


def test_nothing_waits_where_nobody_subscribes() -> None:
    assert Patience().wait_us(NOW_US) == 0


@pytest.mark.parametrize(
    ("latencies_us", "wait_us"),
    [
        ([120_000], 120_000 // LATENCY_SHARE),
        ([120_000, 30_000], 30_000 // LATENCY_SHARE),
        ([30_000, 120_000], 30_000 // LATENCY_SHARE),
        ([2_000_000], MOST_PATIENCE_US),
    ],
)
def test_what_comes_waits_for_a_share_of_the_least_latency(latencies_us: list[int], wait_us: int) -> None:
    patience = Patience()
    for latency_us in latencies_us:
        patience.include(latency_us)
    assert patience.wait_us(NOW_US) == wait_us


def test_after_something_urgent_nothing_waits_for_a_while() -> None:
    patience = Patience()
    patience.include(120_000)
    patience.note_urgent(NOW_US)
    assert patience.wait_us(NOW_US + ALERT_US - 1) == 0
    assert patience.wait_us(NOW_US + ALERT_US) == 20_000
