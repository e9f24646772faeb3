"""What the sieve lets through is what handling one by one would not drop, and it is used only when it pays."""

from collections import Counter

import numpy as np
import pytest
from tests.support.srt_datagrams import data

from headrace.base.datagram_batch import DatagramBatch
from headrace.base.sockaddr import encode_sockaddr
from headrace.endpoints.packet_columns import PacketColumns
from headrace.endpoints.stranger_sieve import MANY_STRANGERS, WARY_US, StrangerSieve
from headrace.fanout.rebinding import MAX_REBIND_CHECKS_PER_BATCH

HOME, NEXT_DOOR, AWAY = (
    encode_sockaddr(*peer) for peer in (("10.0.0.1", 5000), ("10.0.0.1", 5001), ("10.0.0.2", 5000))
)
ONE, OTHER = 0x4000_0007, 0x7FFF_0000
PRODUCERS = [(OTHER, AWAY), (ONE, HOME)]


class Rig:
    """A sieve, and what it kept of datagrams ``(socket id, address)``."""

    def __init__(self) -> None:
        self.ignored: Counter[str] = Counter()
        self.sieve = StrangerSieve(self.ignored)

    def sift(
        self, datagrams: list[tuple[int, bytes]], producers: list[tuple[int, bytes]] = PRODUCERS, now_us: int = 0
    ) -> list[int]:
        batch = DatagramBatch(len(datagrams))
        for socket_id, address in datagrams:
            batch.append(data(1, to=socket_id), address)
        rows = np.arange(len(datagrams))
        kept: list[int] = self.sieve.sift(PacketColumns.of(batch), rows, producers, now_us).tolist()
        return kept


def test_producers_pass_and_unknown_ids_and_foreign_hosts_are_counted() -> None:
    rig = Rig()
    datagrams = [(ONE, HOME), (1 << 31, HOME), (ONE, AWAY), (OTHER, AWAY), (0xFFFF_FFFF, AWAY), (ONE, NEXT_DOOR)]
    assert rig.sift(datagrams) == [0, 3, 5]
    assert +rig.ignored == {"unknown_connection": 2, "foreign_address": 1}


def test_without_producers_nothing_passes() -> None:
    rig = Rig()
    assert rig.sift([(ONE, HOME), (0, HOME)], []) == []
    assert +rig.ignored == {"unknown_connection": 2}


def test_another_port_of_the_host_is_looked_at_up_to_the_limit_of_a_batch() -> None:
    rig = Rig()
    assert len(rig.sift([(ONE, NEXT_DOOR)] * MAX_REBIND_CHECKS_PER_BATCH)) == MAX_REBIND_CHECKS_PER_BATCH
    assert +rig.ignored == {}
    beyond = [(ONE, NEXT_DOOR)] * (MAX_REBIND_CHECKS_PER_BATCH + 1)
    assert rig.sift([*beyond, (ONE, HOME)]) == [*range(MAX_REBIND_CHECKS_PER_BATCH), len(beyond)]
    assert +rig.ignored == {"foreign_address": 1}


def test_who_comes_and_goes_is_known_once_it_is_told() -> None:
    rig = Rig()
    assert rig.sift([(ONE, HOME)], [(OTHER, AWAY)]) == []
    assert rig.sift([(ONE, HOME)], PRODUCERS) == []
    rig.sieve.forget()
    assert rig.sift([(ONE, HOME)], PRODUCERS) == [0]


@pytest.mark.parametrize(("strangers", "expected"), [(MANY_STRANGERS - 1, False), (MANY_STRANGERS, True)])
def test_it_is_wanted_after_a_batch_with_many_strangers(strangers: int, *, expected: bool) -> None:
    sieve = Rig().sieve
    sieve.note_strangers(strangers, 5)
    assert sieve.is_wanted(5) is expected


def test_it_is_wanted_as_long_as_strangers_come_and_a_while_after() -> None:
    rig = Rig()
    rig.sieve.note_strangers(MANY_STRANGERS, 0)
    later_us = WARY_US - 1
    rig.sift([(1 << 31, AWAY)] * MANY_STRANGERS, now_us=later_us)
    assert rig.sieve.is_wanted(later_us + WARY_US - 1)
    rig.sift([(1 << 31, AWAY)] * (MANY_STRANGERS - 1), now_us=later_us + WARY_US - 1)
    assert not rig.sieve.is_wanted(later_us + WARY_US)
