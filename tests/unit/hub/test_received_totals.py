"""What a channel got of its producers in all."""

from tests.support.srt_datagrams import PARAMETERS, THERE

from headrace.hub.producer import Producer
from headrace.hub.received_totals import COUNTED, ReceivedTotals
from headrace.srt.connection import Connection


def producer_that_received(packets: int) -> Producer:
    producer = Producer(Connection(PARAMETERS), THERE)
    count(producer, packets)
    return producer


def count(producer: Producer, packets: int) -> None:
    statistics = producer.connection.receiver.statistics
    for factor, name in enumerate(COUNTED, 1):
        setattr(statistics, name, getattr(statistics, name) + factor * packets)


def totals_of(packets: int) -> dict[str, int]:
    return {name: factor * packets for factor, name in enumerate(COUNTED, 1)}


def test_nobody_has_sent_nothing() -> None:
    totals = ReceivedTotals()
    totals.follow(None)
    assert totals.sums() == totals_of(0)


def test_a_producer_counts_from_when_it_goes_on_the_air() -> None:
    totals = ReceivedTotals()
    producer = producer_that_received(1_000)
    totals.follow(producer)
    assert totals.sums() == totals_of(0)
    count(producer, 7)
    assert totals.sums() == totals_of(7)


def test_the_sums_neither_fall_nor_count_twice_when_producers_take_turns() -> None:
    totals = ReceivedTotals()
    first, second = producer_that_received(0), producer_that_received(500)
    totals.follow(first)
    count(first, 1_000)
    totals.follow(second)
    assert totals.sums() == totals_of(1_000)
    count(first, 50)
    count(second, 20)
    assert totals.sums() == totals_of(1_020)
    totals.follow(first)
    count(first, 3)
    totals.follow(None)
    count(first, 9)
    assert totals.sums() == totals_of(1_023)
