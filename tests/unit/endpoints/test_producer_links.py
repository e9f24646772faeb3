"""The broker's connections to producers: a socket of their own, their place in the channel, their end."""

from collections import Counter
from random import Random

import pytest
from tests.support.broker_world import BROKER, MS, SECOND, World
from tests.support.outbox import CollectingOutbox
from tests.support.srt_datagrams import kind_of, of_kind

from headrace.endpoints import producer_links
from headrace.endpoints.event_log import EventLog
from headrace.endpoints.producer_links import PRODUCER_ID_BIT, RELEASE_SLACK_US, ProducerLinks
from headrace.fanout.subscriber_table import SubscriberTable
from headrace.hub.hub import Hub
from headrace.netio.outbox import DatagramQueue
from headrace.srt.packet import ControlType


class RecordingLines:
    """Keeps the addresses that have a socket of their own."""

    def __init__(self) -> None:
        self.addresses: list[bytes] = []

    def open(self, address: bytes) -> None:
        self.addresses.append(address)

    def close(self, address: bytes) -> None:
        self.addresses.remove(address)


def make_links() -> ProducerLinks:
    return ProducerLinks(Hub(SubscriberTable()), DatagramQueue(CollectingOutbox()), Counter(), EventLog())


def test_a_producers_socket_id_is_told_from_a_subscribers_by_one_bit() -> None:
    random = Random(1)
    for _ in range(100):
        socket_id = make_links().reserve(random.getrandbits(32))
        assert socket_id is not None
        assert PRODUCER_ID_BIT <= socket_id < 2 * PRODUCER_ID_BIT


def test_an_id_that_is_taken_is_not_given_again() -> None:
    world = World()
    producer = world.join("publish:A")
    assert world.endpoint._producers.reserve(producer.connection.parameters.peer_socket_id) is None


def test_the_limit_counts_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(producer_links, "MAX_PRODUCERS", 1)
    world = World()
    assert world.endpoint._producers.reserve(5) is not None
    world.join("publish:A")
    assert world.endpoint._producers.reserve(5) is None


def test_each_live_producer_has_a_line_and_it_ends_with_the_connection() -> None:
    world, lines = World(), RecordingLines()
    world.endpoint.use_lines(lines)
    one, other = world.join("publish:A"), world.join("publish:B")
    world.join("A")
    assert len(lines.addresses) == 2
    one.connection.close(world.now_us)
    world.run(MS)
    assert len(lines.addresses) == 1
    other.is_dead = True
    world.run(7 * SECOND)
    assert lines.addresses == []


def test_a_producer_that_is_replaced_from_its_own_address_keeps_the_line() -> None:
    world, lines = World(), RecordingLines()
    world.endpoint.use_lines(lines)
    first = world.join("publish:A")
    address = lines.addresses[0]
    world.network.remove_endpoint(address)
    second = world.join("publish:A", address)
    assert second.connection.parameters.peer_socket_id != first.connection.parameters.peer_socket_id
    assert set(lines.addresses) == {address}
    sent = world.send(second, 2)
    assert len(sent) == world.channel("A").ring.next_index


def test_a_producer_is_acknowledged_and_asked_for_what_is_missing() -> None:
    world = World()
    producer = world.join("publish:A")
    lost: list[bytes] = []

    def lose_one(datagram: bytes) -> bool:
        if kind_of(datagram) is None and not lost:
            lost.append(datagram)
            return True
        return False

    producer.drops = lose_one
    sent = world.send(producer, 10)
    world.run(SECOND)
    came = [datagram for _, datagram in producer.datagrams]
    assert of_kind(came, ControlType.NAK)
    assert of_kind(came, ControlType.ACK)
    assert world.channel("A").ring.next_index == len(sent)
    assert producer.connection.sender.buffered_packets == 0
    receiver = world.endpoint.hub.channels["A"].producer
    assert receiver is not None
    assert receiver.connection.statistics.receiver.recovered_packets == 1
    assert world.network.unroutable == 0
    assert BROKER not in lost


def test_what_was_received_is_let_go_although_nothing_more_comes() -> None:
    world = World()
    producer = world.join("publish:A")
    world.send(producer, 30)
    world.run(200 * MS)
    world.send(producer, 1)
    succession = world.channel("A").succession
    assert succession.hopeless_index == 30
    world.run(120 * MS + RELEASE_SLACK_US)
    assert succession.hopeless_index == 31
