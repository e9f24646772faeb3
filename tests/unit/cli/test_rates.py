import pytest

from headrace.cli.rates import WINDOW_US, Rates


def test_a_rate_is_known_from_the_second_look_on() -> None:
    rates = Rates()
    assert rates.mbps("X") is None
    rates.note("X", 1000, 0)
    assert rates.mbps("X") is None
    rates.note("X", 1000, 0)
    assert rates.mbps("X") is None  # two looks at one moment say nothing
    rates.note("X", 126_000, 1_000_000)
    assert rates.mbps("X") == pytest.approx(1.0)


def test_a_rate_is_of_the_last_two_seconds() -> None:
    rates = Rates()
    for look in range(20):  # 8 Mbit/s for 5 s, then nothing
        rates.note("X", min(look, 10) * 500_000, look * 500_000)
    assert rates.mbps("X") == 0.0
    rates.note("X", 10 * 500_000 + WINDOW_US // 8, 20 * 500_000)
    assert rates.mbps("X") == pytest.approx(1.0)


def test_keys_are_apart_and_can_be_forgotten() -> None:
    rates = Rates()
    for now_us in (0, 1_000_000):
        rates.note("X", now_us, now_us)
        rates.note("Y", now_us * 2, now_us)
    assert (rates.mbps("X"), rates.mbps("Y")) == (8.0, 16.0)
    rates.forget("X")
    assert (rates.mbps("X"), rates.mbps("Y")) == (None, 16.0)
