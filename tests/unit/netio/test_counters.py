"""The counters of a socket."""

from dataclasses import asdict

import pytest

from headrace.netio.counters import SocketCounters


def test_all_counters_start_at_zero() -> None:
    assert set(asdict(SocketCounters()).values()) == {0}


def test_a_counter_with_a_misspelt_name_cannot_be_set() -> None:
    with pytest.raises(AttributeError):
        SocketCounters().datagram_sent = 1  # type: ignore[attr-defined]
