"""How long what subscribers send may wait."""

import pytest

from headrace.endpoints.patience import (
    ALERT_US,
    HASTE_US,
    HASTY_WAIT_US,
    LATENCY_SHARE,
    MOST_PATIENCE_US,
    Patience,
)

NOW_US = 50_000_000


def test_what_comes_waits_as_usual_where_nobody_subscribes() -> None:
    assert Patience().wait_us(NOW_US) is None


@pytest.mark.parametrize(
    ("latencies_us", "wait_us"),
    [
        ([120_000], 120_000 // LATENCY_SHARE),
        ([120_000, 30_000], 30_000 // LATENCY_SHARE),
        ([30_000, 120_000], 30_000 // LATENCY_SHARE),
        ([2_000_000], MOST_PATIENCE_US),
        ([0], HASTY_WAIT_US),
    ],
)
def test_what_comes_waits_for_a_share_of_the_least_latency(latencies_us: list[int], wait_us: int) -> None:
    patience = Patience()
    for latency_us in latencies_us:
        patience.include(latency_us)
    assert patience.wait_us(NOW_US) == wait_us


def test_after_something_urgent_what_comes_waits_no_longer_than_is_usual_for_a_while() -> None:
    patience = Patience()
    patience.include(120_000)
    patience.note_urgent(NOW_US)
    assert patience.wait_us(NOW_US + ALERT_US - 1) is None
    assert patience.wait_us(NOW_US + ALERT_US) == 20_000


def test_while_somebody_catches_up_what_comes_waits_no_longer_than_is_usual() -> None:
    patience = Patience()
    patience.include(120_000)
    assert patience.wait_us(NOW_US, is_catching_up=True) is None


@pytest.mark.parametrize("latency_us", [None, 120_000])
def test_after_a_call_what_comes_waits_for_hardly_anything(latency_us: int | None) -> None:
    patience = Patience()
    patience.latency_us = latency_us
    usual_us = patience.wait_us(NOW_US)
    patience.note_urgent(NOW_US - ALERT_US)
    patience.note_caller(NOW_US)
    assert patience.wait_us(NOW_US + HASTE_US - 1, is_catching_up=True) == HASTY_WAIT_US
    assert patience.wait_us(NOW_US + HASTE_US) == usual_us
