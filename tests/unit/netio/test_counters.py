"""The counters of a socket."""

from dataclasses import asdict

import pytest

from headrace.netio.counters import SocketCounters, sum_counters


def test_all_counters_start_at_zero() -> None:
    assert set(asdict(SocketCounters()).values()) == {0}


def test_the_counters_of_several_sockets_are_summed_one_by_one() -> None:
    one, another = SocketCounters(*range(10)), SocketCounters(*range(0, 1_000, 100))
    assert sum_counters([one, another, one]) == SocketCounters(*(102 * number for number in range(10)))
    assert sum_counters([one]) == one


def test_a_counter_with_a_misspelt_name_cannot_be_set() -> None:
    with pytest.raises(AttributeError):
        SocketCounters().datagram_sent = 1  # type: ignore[attr-defined]
