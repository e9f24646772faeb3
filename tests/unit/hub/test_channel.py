"""A channel: its ring, and what will never come any more."""

from dataclasses import replace

import numpy as np
from tests.support.srt_datagrams import PARAMETERS, THERE, data

from headrace.fanout.subscriber_table import SubscriberTable
from headrace.hub.channel import MAX_PATIENCE_US, Channel
from headrace.hub.producer import Producer
from headrace.srt.connection import Connection

FIRST = PARAMETERS.receive_seqno
START_US = PARAMETERS.established_us


def make_channel(packets: int) -> Channel:
    channel = Channel("A", SubscriberTable())
    for index in range(packets):
        channel.ring.put(index, np.zeros(10, np.uint8), 0)
    return channel


def test_without_a_producer_nothing_older_than_the_newest_will_come() -> None:
    assert make_channel(0).hopeless_index == 0
    assert make_channel(5).hopeless_index == 5


def test_a_new_producers_packets_may_all_come() -> None:
    channel = make_channel(5)
    channel.producer = Producer(Connection(PARAMETERS), THERE, channel.ring.next_index)
    assert channel.hopeless_index == 5


def test_what_the_producers_connection_gave_up_is_hopeless() -> None:
    channel = make_channel(5)
    connection = Connection(PARAMETERS)
    channel.producer = Producer(connection, THERE, channel.ring.next_index)
    connection.handle_datagram(data(FIRST), START_US)
    connection.handle_datagram(data(FIRST + 3), START_US)
    connection.poll_deliveries(START_US + PARAMETERS.receive_latency_us - 1)
    assert channel.hopeless_index == 5
    connection.poll_deliveries(START_US + PARAMETERS.receive_latency_us)
    assert channel.hopeless_index == 9


def test_the_producer_is_asked_for_what_is_missing_as_long_as_the_slowest_subscriber_can_use_it() -> None:
    channel = make_channel(0)
    channel.allow_latency(300_000)
    connection = Connection(replace(PARAMETERS, receive_latency_us=120_000))
    channel.attach(Producer(connection, THERE, 0))
    assert connection.receiver.clock.latency_us == 300_000
    channel.allow_latency(200_000)
    assert connection.receiver.clock.latency_us == 300_000
    channel.allow_latency(60_000_000)
    assert connection.receiver.clock.latency_us == MAX_PATIENCE_US


def test_a_producers_own_latency_is_the_least() -> None:
    channel = make_channel(0)
    connection = Connection(replace(PARAMETERS, receive_latency_us=2_000_000))
    channel.attach(Producer(connection, THERE, 0))
    channel.allow_latency(300_000)
    assert connection.receiver.clock.latency_us == 2_000_000
