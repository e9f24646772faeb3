"""Whose turn it is."""

import numpy as np
import pytest
from tests.support.srt_datagrams import PARAMETERS, THERE

from headrace.hub.lineup import Lineup
from headrace.hub.producer import Claim, Producer
from headrace.hub.standby import SILENCE_US
from headrace.srt.connection import Connection

NOW_US = 5_000_000


def a_producer(claim: Claim = Claim.PRODUCE) -> Producer:
    return Producer(Connection(PARAMETERS), THERE, claim)


def waiting(lineup: Lineup, claim: Claim = Claim.PRODUCE, *, now_us: int = NOW_US) -> Producer:
    """Let a producer stand by that could go on the air at once."""
    producer = a_producer(claim)
    lineup.stand_by(producer, now_us)
    lineup.standbys[-1].put(0, np.zeros(10, np.uint8), now_us, now_us)
    return producer


def next_up(lineup: Lineup, now_us: int = NOW_US) -> Producer | None:
    standby = lineup.next_up(now_us)
    return None if standby is None else standby.producer


def test_what_came_from_those_on_the_air_is_kept_when_they_go() -> None:
    lineup = Lineup()
    first, second = a_producer(), a_producer()
    for producer in (first, second):
        lineup.put_on_air(producer, NOW_US)
        producer.connection.receiver.statistics.received_packets += 10
    lineup.remove(second)
    second.connection.receiver.statistics.received_packets += 10
    assert lineup.received.sums()["received_packets"] == 20


def test_an_empty_lineup_has_nobody() -> None:
    lineup = Lineup()
    assert not lineup
    assert lineup.holder is None
    assert next_up(lineup) is None


@pytest.mark.parametrize("claim", list(Claim))
def test_when_nobody_is_on_the_air_the_first_who_can_goes(claim: Claim) -> None:
    lineup = Lineup()
    lineup.stand_by(a_producer(), NOW_US)
    producer = waiting(lineup, claim)
    waiting(lineup)
    assert next_up(lineup) is producer
    lineup.put_on_air(producer, NOW_US)
    assert lineup.standby_of(producer) is None
    assert len(lineup.standbys) == 2


@pytest.mark.parametrize(
    ("on_air", "claim", "goes"),
    [
        (Claim.PRODUCE, Claim.PRODUCE, False),
        (Claim.PRODUCE, Claim.TAKE_OVER, True),
        (Claim.TAKE_OVER, Claim.TAKE_OVER, True),
        (Claim.STAND_BY, Claim.PRODUCE, True),
        (Claim.PRODUCE, Claim.STAND_BY, False),
        (Claim.STAND_BY, Claim.STAND_BY, False),
    ],
)
def test_who_replaces_one_that_speaks(on_air: Claim, claim: Claim, goes: bool) -> None:
    lineup = Lineup()
    lineup.put_on_air(a_producer(on_air), NOW_US)
    producer = waiting(lineup, claim)
    assert next_up(lineup) is (producer if goes else None)


def test_a_standby_replaces_one_that_is_silent() -> None:
    lineup = Lineup()
    lineup.put_on_air(a_producer(), NOW_US)
    producer = waiting(lineup, Claim.STAND_BY, now_us=NOW_US + SILENCE_US - 1)
    assert next_up(lineup, NOW_US + SILENCE_US - 1) is None
    assert next_up(lineup, NOW_US + SILENCE_US) is producer
    assert next_up(lineup, NOW_US + 2 * SILENCE_US) is None, "it has fallen silent too"


def test_an_ordinary_producer_has_to_wait_for_whom_nothing_special_replaces() -> None:
    lineup = Lineup()
    standby = waiting(lineup, Claim.STAND_BY)
    assert lineup.holder is None
    first = waiting(lineup)
    assert lineup.holder is first
    lineup.put_on_air(standby, NOW_US)
    assert lineup.holder is first, "it waits for its keyframe"
    lineup.put_on_air(first, NOW_US)
    assert lineup.holder is first


def test_one_that_is_removed_is_nowhere() -> None:
    lineup = Lineup()
    lineup.put_on_air(a_producer(), NOW_US)
    standby = waiting(lineup)
    assert lineup.on_air is not None
    lineup.remove(lineup.on_air)
    lineup.remove(standby)
    assert not lineup


def test_one_that_fell_silent_waits_for_silence_and_an_ordinary_one_has_to_wait_for_it() -> None:
    lineup = Lineup()
    first = a_producer()
    lineup.put_on_air(waiting(lineup, Claim.STAND_BY), NOW_US)
    lineup.stand_by(first, NOW_US, is_demoted=True)
    lineup.standbys[-1].put(0, np.zeros(10, np.uint8), NOW_US, NOW_US)
    assert lineup.holder is first
    assert next_up(lineup) is None
    assert lineup.standby_of(first) is not None
    lineup.standbys[-1].put(1, np.zeros(10, np.uint8), NOW_US, NOW_US + SILENCE_US)
    assert next_up(lineup, NOW_US + SILENCE_US) is first
