"""A NAT gives a peer another port in mid-stream: its connection follows it, and nobody else's lead."""

import pytest
from tests.simnet.link import SimLink
from tests.simnet.srt_ports import CallerPort
from tests.support.answers import open_answers
from tests.support.broker_world import MS, SECOND, World
from tests.support.long_runs import seeds
from tests.support.srt_datagrams import control, data, words

from headrace.base.sockaddr import encode_sockaddr
from headrace.srt.packet import ControlType

LINK = SimLink(latency_us=20 * MS)
LOSSY = SimLink(latency_us=20 * MS, loss=0.05, mean_burst_packets=3)
OLD, NEW = encode_sockaddr("10.7.0.1", 5000), encode_sockaddr("10.7.0.1", 6001)
OTHER_HOST = encode_sockaddr("10.7.0.2", 5000)


class RecordingLines:
    """Keeps the addresses that have a socket of their own."""

    def __init__(self) -> None:
        self.addresses: list[bytes] = []

    def open(self, address: bytes) -> None:
        self.addresses.append(address)

    def close(self, address: bytes) -> None:
        self.addresses.remove(address)


def move(world: World, peer: CallerPort, new: bytes = NEW) -> None:
    """Put a peer behind another port: what is on its way to the old one is lost."""
    world.network.remove_endpoint(OLD)
    world.network.add_endpoint(peer, new)


def broker_id(peer: CallerPort) -> int:
    return peer.connection.parameters.peer_socket_id


@pytest.mark.parametrize(("link", "latency_ms"), [(LINK, 120), (LOSSY, 1200)], ids=["short latency", "loss"])
@pytest.mark.parametrize("seed", seeds(1, of=3))
def test_a_producers_stream_goes_on_without_a_hole(seed: int, link: SimLink, latency_ms: int) -> None:
    world = World(seed, link=link, gather_us=MS)
    lines = RecordingLines()
    world.endpoint.use_lines(lines)
    producer = world.join("publish:A", OLD, peer_latency_ms=latency_ms)
    subscriber = world.join("A")
    sent = world.send(producer, 200)
    move(world, producer)
    sent += world.send(producer, 300)
    world.run(2 * SECOND)
    assert subscriber.payloads == sent
    assert producer.connection.close_reason is None
    assert lines.addresses == [NEW]


@pytest.mark.parametrize("seed", seeds(1, of=3))
def test_a_subscriber_is_followed_and_gets_what_it_has_missed(seed: int) -> None:
    world = World(seed, link=LOSSY, gather_us=MS)
    producer = world.join("publish:A", peer_latency_ms=1500)
    subscriber, neighbour = world.join("A", OLD, latency_ms=1500), world.join("A", latency_ms=1500)
    sent = world.send(producer, 200)
    moved_us = world.now_us
    move(world, subscriber)
    sent += world.send(producer, 300)
    world.run(3 * SECOND)
    assert subscriber.payloads == neighbour.payloads == sent
    heard_us = next(t for t, _ in subscriber.datagrams if t > moved_us)
    assert heard_us - moved_us < 1_000 * MS


def test_a_subscriber_with_a_short_latency_goes_on_with_what_is_new() -> None:
    world = World(link=LINK, gather_us=MS)
    producer = world.join("publish:A")
    subscriber = world.join("A", OLD)
    sent = world.send(producer, 200)
    move(world, subscriber)
    sent += world.send(producer, 500)
    world.run(SECOND)
    assert subscriber.payloads[:190] == sent[:190]
    assert subscriber.payloads[-200:] == sent[-200:]
    assert subscriber.connection.close_reason is None


def test_a_subscriber_that_moves_while_nobody_produces_is_there_when_somebody_does() -> None:
    world = World(link=LINK)
    subscriber = world.join("A", OLD)
    world.run(SECOND)
    move(world, subscriber)
    world.run(4 * SECOND)
    producer = world.join("publish:A")
    sent = world.send(producer, 20)
    world.run(SECOND)
    assert subscriber.payloads == sent


def test_a_producer_that_moves_while_it_is_silent_may_go_on() -> None:
    world = World(link=LINK)
    producer = world.join("publish:A", OLD)
    subscriber = world.join("A")
    world.run(SECOND)
    move(world, producer)
    world.run(10 * SECOND)
    sent = world.send(producer, 20)
    world.run(SECOND)
    assert subscriber.payloads == sent


def test_a_peer_may_move_again_and_return() -> None:
    world = World(link=LINK, gather_us=MS)
    producer = world.join("publish:A", OLD)
    subscriber = world.join("A")
    sent = world.send(producer, 100)
    for old, new in ((OLD, NEW), (NEW, OLD), (OLD, NEW)):
        world.network.remove_endpoint(old)
        world.network.add_endpoint(producer, new)
        sent += world.send(producer, 100)
    world.run(SECOND)
    assert subscriber.payloads == sent


def test_the_end_of_a_connection_that_moved_leaves_nothing_behind() -> None:
    world = World(link=LINK)
    producer = world.join("publish:A", OLD)
    world.send(producer, 100)
    move(world, producer)
    world.send(producer, 100)
    producer.connection.close(world.now_us)
    world.run(SECOND)
    assert not world.endpoint.hub.channels
    assert open_answers(world.endpoint._listener) == 0
    assert not world.endpoint._producers._rebindings


@pytest.mark.parametrize("address", [NEW, OTHER_HOST], ids=["another port", "another host"])
def test_nobody_takes_a_stream_away_from_a_live_subscriber(address: bytes) -> None:
    world = World(link=LINK)
    producer = world.join("publish:A")
    subscriber = world.join("A", OLD)
    sent = []
    for _ in range(100):
        sent += world.send(producer, 1)
        row = world.endpoint.table.rows[broker_id(subscriber) & 0xF_FFFF]
        seqno = int(row["next_index"] + row["seqno_offset"]) & 0x7FFF_FFFF
        to = broker_id(subscriber)
        assert world.inject(control(ControlType.ACK, words(seqno), to=to), address) == []
        assert world.inject(control(ControlType.KEEPALIVE, to=to), address) == []
        assert world.inject(control(ControlType.SHUTDOWN, to=to), address) == []
    world.run(SECOND)
    assert subscriber.payloads == sent


def test_another_host_gets_nothing_of_a_subscriber_that_is_silent() -> None:
    world = World(link=LINK)
    producer = world.join("publish:A")
    subscriber = world.join("A", OLD)
    world.send(producer, 20)
    subscriber.is_dead = True
    world.send(producer, 400)
    row = world.endpoint.table.rows[broker_id(subscriber) & 0xF_FFFF]
    seqno = int(row["next_index"] + row["seqno_offset"]) & 0x7FFF_FFFF
    for kind in (ControlType.ACK, ControlType.NAK, ControlType.KEEPALIVE):
        world.inject(control(kind, words(seqno), to=broker_id(subscriber)), OTHER_HOST)
    assert row["address"].tobytes() == OLD


@pytest.mark.parametrize(("address", "ahead"), [(NEW, 1 << 20), (OTHER_HOST, 0)], ids=["no proof", "another host"])
def test_a_stranger_puts_nothing_into_a_producers_stream(address: bytes, ahead: int) -> None:
    world = World(link=LINK)
    producer = world.join("publish:A", OLD)
    subscriber = world.join("A")
    sent = []
    for _ in range(100):
        sent += world.send(producer, 1)
        attached = world.channel("A").producer
        assert attached is not None
        seqno = (attached.connection.receiver.highest_index + 1 + ahead) & 0x7FFF_FFFF
        to = broker_id(producer)
        world.inject(data(seqno, to=to), address)
        world.inject(control(ControlType.SHUTDOWN, to=to), address)
        world.inject(control(ControlType.KEEPALIVE, to=to), address)
    world.run(SECOND)
    assert subscriber.payloads == sent
    assert world.ignored["foreign_address"] == 300


def test_a_live_producer_stays_where_it_is_even_if_somebody_can_guess_its_numbers() -> None:
    world = World(link=LINK)
    producer = world.join("publish:A", OLD)
    for _ in range(100):
        world.send(producer, 1)
        attached = world.channel("A").producer
        assert attached is not None
        seqno = (attached.connection.receiver.highest_index + 1) & 0x7FFF_FFFF
        world.inject(data(seqno, to=broker_id(producer)), NEW)
        assert attached.address == OLD


def test_a_producer_that_ends_while_it_moves_leaves_nothing_behind() -> None:
    world = World(link=LINK)
    producer = world.join("publish:A", OLD)
    world.send(producer, 100)
    move(world, producer)
    world.send(producer, 20)
    producer.connection.close(world.now_us)
    world.run(6 * SECOND)
    assert not world.endpoint.hub.channels
    assert not world.endpoint._producers._rebindings
