"""The broker's connections to producers: a socket of their own, their place in the channel, their end."""

from collections import Counter
from random import Random
from typing import NoReturn

import pytest
import structlog.testing
from tests.support.broker_world import BROKER, MS, SECOND, World
from tests.support.outbox import CollectingOutbox
from tests.support.srt_datagrams import kind_of, of_kind
from tests.support.successions import FaultySuccession

from headrace.endpoints import producer_links
from headrace.endpoints.event_log import EventLog, Fact
from headrace.endpoints.producer_links import PRODUCER_ID_BIT, RELEASE_SLACK_US, ProducerLinks
from headrace.fanout.subscriber_table import SubscriberTable
from headrace.hub.bitrate_limit import BitrateLimit
from headrace.hub.hub import Hub
from headrace.netio.outbox import DatagramQueue
from headrace.srt.connection import Connection
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


class FaultyLimit(BitrateLimit):
    """Cannot tell."""

    def is_exceeded(self, *_args: object) -> NoReturn:
        raise ZeroDivisionError


class FaultyConnection(Connection):
    """Cannot do what is due."""

    def handle_timer(self, *_args: object) -> NoReturn:
        raise ZeroDivisionError


def ends(world: World) -> list[tuple[Fact, Fact]]:
    """Return who is gone, and why."""
    gone = [event.facts for event in world.endpoint.events.newest if event.what == "producer gone"]
    return [(facts["channel"], facts["reason"]) for facts in gone]


def make_faulty(world: World, channel_id: str) -> None:
    """Have a bug in the channel, in which there is no producer yet."""
    channel = world.channel(channel_id)
    channel.succession = FaultySuccession(channel.stream)


@pytest.mark.parametrize("packets", [1, 3])
def test_a_bug_at_one_producers_packets_ends_it_and_the_others_of_the_batch_go_on(packets: int) -> None:
    world = World(gather_us=10 * MS)
    subscribers = [world.join(channel_id) for channel_id in "ABC"]
    make_faulty(world, "B")
    producers = [world.join(f"publish:{channel_id}") for channel_id in "ABC"]
    world.run(SECOND)
    with structlog.testing.capture_logs() as logs:
        for producer in producers:
            for _ in range(packets):
                producer.send(b"good", world.now_us)
        world.run(SECOND)
    assert [subscriber.payloads for subscriber in subscribers] == [[b"good"] * packets, [], [b"good"] * packets]
    assert [(log["channel"], type(log["exc_info"])) for log in logs if log["log_level"] == "error"] == [
        ("B", ZeroDivisionError)
    ]
    assert ends(world) == [("B", "bug")]
    assert producers[1].connection.close_reason == "peer_shutdown"


def test_a_bug_in_finishing_a_batch_ends_the_producer_alone() -> None:
    world = World(gather_us=10 * MS)
    subscribers = [world.join(channel_id) for channel_id in "AB"]
    producers = [world.join(f"publish:{channel_id}") for channel_id in "AB"]
    links = world.endpoint._producers._links
    socket_id = producers[0].connection.parameters.peer_socket_id
    links[socket_id] = links[socket_id]._replace(bitrate=FaultyLimit(1))
    for producer in producers:
        producer.send(b"good", world.now_us)
    world.run(SECOND)
    assert [subscriber.payloads for subscriber in subscribers] == [[b"good"], [b"good"]]
    assert producers[1].connection.sender.buffered_packets == 0
    assert ends(world) == [("A", "bug")]


def test_a_bug_in_what_is_due_ends_the_producer_alone() -> None:
    world = World()
    world.join("publish:A")
    other = world.join("publish:B")
    faulty = world.channel("A").producer
    assert faulty is not None
    faulty.connection = FaultyConnection(faulty.connection.parameters)
    world.run(2 * SECOND)
    assert ends(world) == [("A", "bug")]
    assert other.connection.close_reason is None


def test_a_bug_in_the_succession_ends_all_who_wait_for_their_turn_and_other_channels_go_on() -> None:
    world = World()
    watcher = world.join("B")
    world.join("A")
    make_faulty(world, "A")
    world.join("publish:A")
    world.join("#!::r=A,m=publish,standby=1")
    producer, _ = world.join("publish:B"), world.join("#!::r=B,m=publish,standby=1")
    sent = world.send(producer, 10)
    world.run(SECOND)
    assert ends(world) == [("A", "bug"), ("A", "bug")]
    assert watcher.payloads == sent
