"""The status of a broker as one JSON document."""

import json
from collections.abc import Iterator
from time import perf_counter
from typing import Any

import pytest
from tests.support.broker_world import World
from tests.support.fanout_tables import subscribe

from headrace.netio.udp_socket import UdpSocket
from headrace.service import broker_status
from headrace.service.broker_status import STATUS_VERSION, BrokerStatus

WANT: dict[str, object] = {"want": "status"}


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def status(world: World) -> Iterator[BrokerStatus]:
    with UdpSocket.bind("127.0.0.1", 0) as udp:
        yield BrokerStatus(world.endpoint, udp)


def document(status: BrokerStatus, request: dict[str, object]) -> dict[str, Any]:
    read: dict[str, Any] = json.loads("".join(status.answer(request)))
    return read


def test_an_idle_broker_has_every_key(status: BrokerStatus) -> None:
    read = document(status, WANT)
    assert read["version"] == STATUS_VERSION
    assert (read["channels"], read["subscribers"], read["events"]) == ([], [], [])
    broker = read["broker"]
    assert (broker["channels"], broker["producers"], broker["subscribers"]) == (0, 0, 0)
    assert broker["listen"].startswith("127.0.0.1:")
    assert broker["socket"]["datagrams_sent"] == 0


def test_lists_of_many_pieces_are_put_together(world: World, status: BrokerStatus) -> None:
    for number in range(9):
        world.join(f"C{number}")
    world.join("publish:C3")
    read = document(status, {"want": "status", "subscribers_of": "*"})
    assert [one["id"] for one in read["channels"]] == [f"C{number}" for number in range(9)]
    assert [one["channel"] for one in read["subscribers"]] == [f"C{number}" for number in range(9)]
    assert [one["event"] for one in read["events"]] == ["producer connected", "producer on the air"]
    assert (read["broker"]["producers"], read["broker"]["subscribers"]) == (1, 9)


def test_refusals_drops_and_what_was_ignored_are_there_by_reason(world: World, status: BrokerStatus) -> None:
    world.call("m=nonsense,#!::")
    world.call("#!::m=bidirectional,r=A")
    world.run(3_000_000)
    world.endpoint.ignored_packets["short_header"] += 2
    world.endpoint.dropped_subscribers["timeout"] += 1
    broker = document(status, WANT)["broker"]
    assert broker["refused_connections"]["2405"] == 1
    assert broker["ignored_packets"] == {"short_header": 2}
    assert broker["dropped_subscribers"] == {"timeout": 1}


@pytest.mark.parametrize("request_", [{}, {"want": "everything"}, {"want": "status", "subscribers_of": 5}])
def test_what_it_does_not_know_is_an_error(status: BrokerStatus, request_: dict[str, object]) -> None:
    assert "error" in document(status, request_)


def test_channels_are_looked_at_and_rates_known_after_two_looks(world: World, status: BrokerStatus) -> None:
    world.join("publish:A")
    for _ in range(2):
        for _ in status.observe():
            pass
    assert document(status, WANT)["channels"][0]["continuity_errors"] == 0
    assert document(status, WANT)["broker"]["received_bps"] == 0


def test_rates_and_counters_are_those_of_all_its_sockets(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    clock_us = iter(range(0, 10_000_000, 1_000_000))
    with UdpSocket.bind("127.0.0.1", 0) as one, UdpSocket.bind("127.0.0.1", 0) as another:
        status = BrokerStatus(world.endpoint, one, [another])
        monkeypatch.setattr(broker_status, "now_us", lambda: next(clock_us))
        for seconds in range(1, 3):
            one.counters.bytes_sent, one.counters.bytes_received = 1_000 * seconds, 10 * seconds
            another.counters.bytes_sent, another.counters.bytes_received = 50_000 * seconds, 300 * seconds
            another.counters.datagrams_sent = 7 * seconds
            list(status.observe())
        broker = document(status, WANT)["broker"]
    assert (broker["sent_bps"], broker["received_bps"]) == (8 * 51_000, 8 * 310)
    assert (broker["socket"]["bytes_sent"], broker["socket"]["datagrams_sent"]) == (102_000, 14)


def test_with_two_thousand_subscribers_no_piece_holds_packets_up(world: World, status: BrokerStatus) -> None:
    channel = world.endpoint.hub.open_channel("A")
    assert channel is not None
    for number in range(2000):
        channel.subscribers.add(subscribe(world.endpoint.table, number))
    pieces = []
    before = perf_counter()
    for _ in status.answer({"want": "status", "subscribers_of": "*"}):
        pieces.append(perf_counter() - before)
        before = perf_counter()
    assert len(pieces) > 40
    assert sorted(pieces)[len(pieces) // 2] < 0.005  # 0.4 ms; a busy machine or the garbage collector adds to some
