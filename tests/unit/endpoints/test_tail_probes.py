"""When the last packet of a silent channel is sent once more."""

import pytest
from tests.support.fanout_tables import address, payload, subscribe
from tests.support.outbox import CollectingOutbox
from tests.support.successions import FixedSuccession

from headrace.endpoints.outlet import Outlet
from headrace.endpoints.resender import Resender
from headrace.endpoints.tail_probes import (
    MAX_TAIL_PROBES,
    TAIL_PROBE_TIMES_US,
    TAIL_PROBE_US,
    TailProbes,
)
from headrace.fanout.subscriber_table import SubscriberTable
from headrace.hub.channel import Channel
from headrace.netio.outbox import DatagramQueue


def make_probes(table: SubscriberTable | None = None, outbox: CollectingOutbox | None = None) -> TailProbes:
    table, outbox = table or SubscriberTable(), outbox or CollectingOutbox()
    return TailProbes(table, Resender(table, Outlet(table, outbox), DatagramQueue(outbox)))


def silent_channel(forwarded_us: int = 0) -> Channel:
    channel = Channel("A", SubscriberTable())
    channel.forwarded_us = forwarded_us
    return channel


def test_probes_come_at_their_times_and_then_no_more() -> None:
    probes, channel = make_probes(), silent_channel()
    probes.restart(channel)
    times_us = [time_us for time_us in range(0, 3_000_000, 10_000) if probes.pop_due(time_us)]
    assert times_us == [60_000, 120_000, *range(240_000, 1_200_000, 120_000)]
    assert len(times_us) == MAX_TAIL_PROBES
    assert len(probes) == 0


def test_a_new_packet_starts_the_count_anew() -> None:
    probes, channel = make_probes(), silent_channel()
    probes.restart(channel)
    assert probes.pop_due(TAIL_PROBE_US) == [channel]
    channel.forwarded_us = 1_000_000
    probes.restart(channel)
    assert probes.pop_due(1_000_000 + TAIL_PROBE_US - 1) == []
    assert probes.pop_due(1_000_000 + TAIL_PROBE_US) == [channel]


def test_a_forgotten_channel_is_not_probed_and_one_that_is_not_there_can_be_forgotten() -> None:
    probes, channel = make_probes(), silent_channel()
    probes.forget(channel)
    probes.restart(channel)
    probes.forget(channel)
    assert probes.pop_due(10_000_000) == []


def test_each_channel_has_its_own_count() -> None:
    probes, one, other = make_probes(), silent_channel(), silent_channel(1_000)
    probes.restart(one)
    probes.restart(other)
    assert probes.pop_due(TAIL_PROBE_US) == [one]
    assert probes.pop_due(TAIL_PROBE_US + 1_000) == [other]


def test_the_newest_packet_goes_to_those_who_have_not_acknowledged_everything_and_once_each_time() -> None:
    table, outbox = SubscriberTable(), CollectingOutbox()
    probes, channel = make_probes(table, outbox), Channel("A", table)
    for index in range(3):
        channel.stream.put(index, payload(index), 0)
    for number, acked_index in enumerate([3, 2, 0]):
        row = subscribe(table, number)
        channel.subscribers.add(row)
        table.rows["next_index"][row], table.rows["acked_index"][row] = 3, acked_index
    probes.restart(channel)
    probes.handle_sweep(TAIL_PROBE_US)
    probes.handle_sweep(TAIL_PROBE_US + 1)
    assert outbox.calls == ["send_each"]
    assert [(to, datagram[16:]) for datagram, to in outbox.take()] == [
        (address(number), payload(2).tobytes()) for number in (1, 2)
    ]


def test_a_channel_whose_newest_packet_is_gone_is_not_probed() -> None:
    table, outbox = SubscriberTable(), CollectingOutbox()
    probes, channel = make_probes(table, outbox), Channel("A", table)
    row = subscribe(table, 1)
    channel.subscribers.add(row)
    table.rows["next_index"][row] = 1
    probes.restart(channel)
    probes.handle_sweep(TAIL_PROBE_US)
    assert outbox.calls == []


@pytest.mark.parametrize(("hopeless_index", "is_probed"), [(1, False), (2, True)])
def test_who_lacks_only_what_the_channel_itself_waits_for_is_not_probed_but_at_last(
    hopeless_index: int, *, is_probed: bool
) -> None:
    table, outbox = SubscriberTable(), CollectingOutbox()
    probes, channel = make_probes(table, outbox), Channel("A", table)
    for index in (0, 2, 3):
        channel.stream.put(index, payload(index), 0)
    channel.succession = FixedSuccession(channel.stream, hopeless_index)
    row = subscribe(table, 1)
    channel.subscribers.add(row)
    table.rows["next_index"][row], table.rows["acked_index"][row] = 4, 1
    probes.restart(channel)
    for number in range(MAX_TAIL_PROBES - 1):
        probes.handle_sweep(TAIL_PROBE_TIMES_US[number])
        assert outbox.calls == ["send_each"] * is_probed
        outbox.calls.clear()
    probes.handle_sweep(TAIL_PROBE_TIMES_US[-1])
    assert outbox.calls == ["send_each"]
