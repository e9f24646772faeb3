"""How long what subscribers send may wait."""

import pytest

from headrace.endpoints.patience import (
    ALERT_US,
    ALERT_WAIT_US,
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


@pytest.mark.parametrize(("latency_us", "wait_us"), [(120_000, ALERT_WAIT_US), (24_000, 24_000 // LATENCY_SHARE)])
def test_after_something_urgent_what_comes_waits_less_for_a_while(latency_us: int, wait_us: int) -> None:
    patience = Patience()
    patience.include(latency_us)
    patience.note_urgent(NOW_US)
    assert patience.wait_us(NOW_US + ALERT_US - 1) == wait_us
    assert patience.wait_us(NOW_US + ALERT_US) == latency_us // LATENCY_SHARE


def test_while_somebody_catches_up_what_comes_waits_less() -> None:
    patience = Patience()
    patience.include(120_000)
    assert patience.wait_us(NOW_US, is_catching_up=True) == ALERT_WAIT_US


@pytest.mark.parametrize("latency_us", [None, 120_000])
def test_after_a_call_what_comes_waits_for_hardly_anything(latency_us: int | None) -> None:
    patience = Patience()
    patience.latency_us = latency_us
    usual_us = patience.wait_us(NOW_US)
    patience.note_urgent(NOW_US - ALERT_US)
    patience.note_caller(NOW_US)
    assert patience.wait_us(NOW_US + HASTE_US - 1, is_catching_up=True) == HASTY_WAIT_US
    assert patience.wait_us(NOW_US + HASTE_US) == usual_us


def test_strangers_whose_addresses_may_be_forged_make_haste_a_fifth_of_the_time_at_most() -> None:
    patience = Patience()
    hasty_ms = 0
    for ms in range(10_000):
        patience.note_stranger(NOW_US + 1000 * ms)
        hasty_ms += patience.wait_us(NOW_US + 1000 * ms) is not None
    assert 1_900 <= hasty_ms <= 2_300
