"""A broker built from its configuration, on real sockets of the loopback interface."""

import asyncio
import socket
import sys
from collections.abc import MutableSequence

import numpy as np
import pytest
import structlog
from bench.srt_peer import SrtPeer
from structlog.typing import EventDict
from tests.support.groups import Groups

from headrace.hub.limits import Limits
from headrace.media.errors import MediaError
from headrace.netio.capabilities import PORTABLE, SENDMMSG, Capabilities, probe_capabilities
from headrace.netio.clock import now_us
from headrace.netio.udp_socket import UdpSocket
from headrace.service.broker import Broker, BrokerConfig
from headrace.srt.caller import CallerOptions
from headrace.srt.receiver import Delivery
from headrace.srt.rejection import ConnectionRejectedError

LOOPBACK = "127.0.0.1"


def exchange(host: str, port: int, payloads: list[bytes]) -> list[bytes]:
    """Publish and subscribe; return what came."""
    with (
        SrtPeer(host, port, CallerOptions(stream_id="A", receive_latency_ms=20)) as subscriber,
        SrtPeer(host, port, CallerOptions(stream_id="publish:A")) as producer,
    ):
        subscriber.connect()
        producer.connect()
        for payload in payloads:
            producer.connection.send(payload, now_us())
        deliveries: list[Delivery] = []
        end_us = now_us() + 10_000_000
        while len(deliveries) < len(payloads) and now_us() < end_us:
            producer.turn(now_us() + 2_000)
            subscriber.turn(now_us() + 2_000)
            deliveries += subscriber.connection.poll_deliveries(now_us())
        return [delivery.payload for delivery in deliveries]


@pytest.mark.parametrize("capabilities", [None, SENDMMSG, PORTABLE])
@pytest.mark.parametrize("host", [LOOPBACK, "::1", None])
def test_a_broker_brings_a_producers_packets_to_a_subscriber(
    host: str | None, capabilities: Capabilities | None
) -> None:
    async def run() -> None:
        config = BrokerConfig(host, 0, capabilities=capabilities)
        payloads = [bytes([number]) * 1316 for number in range(50)]
        async with Broker(config) as broker:
            received = await asyncio.to_thread(exchange, host or LOOPBACK, broker.port, payloads)
            assert received == payloads
        assert broker.endpoint.hub.channels == {}
        assert broker.endpoint.table.count == 0

    asyncio.run(run())


def test_it_says_where_it_listens_what_it_found_and_what_it_ignored() -> None:
    async def run() -> None:
        async with Broker(BrokerConfig(LOOPBACK, 0)) as broker:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                stranger.sendto(b"noise", (LOOPBACK, broker.port))
                async with asyncio.timeout(10):
                    while not broker.endpoint.ignored_packets["short_header"]:
                        await asyncio.sleep(0.005)
            ports.append(broker.port)

    ports: list[int] = []
    with structlog.testing.capture_logs() as lines:
        asyncio.run(run())
    assert [line["event"] for line in lines if line["log_level"] == "info"] == ["listening", "stopped"]
    assert lines[0]["srt"] == f"{LOOPBACK}:{ports[0]}"
    assert lines[0]["fast_paths"] == probe_capabilities().describe()
    assert lines[0]["receive_buffer_bytes"] > 0
    assert str(lines[-1]["ignored_packets"]) == "{'short_header': 1}"


@pytest.mark.parametrize("is_granted", [False, True])
def test_one_warning_names_the_limits_that_keep_the_buffers_small(
    monkeypatch: pytest.MonkeyPatch, *, is_granted: bool
) -> None:
    async def run() -> None:
        async with Broker(BrokerConfig(LOOPBACK, 0)):
            pass

    monkeypatch.setattr("headrace.netio.udp_socket._ask_buffer", lambda *_: None)
    if is_granted:
        monkeypatch.setattr("headrace.service.broker.DEFAULT_BUFFER_BYTES", 1024)
    with structlog.testing.capture_logs() as lines:
        asyncio.run(run())
    warnings = [line for line in lines if line["log_level"] == "warning"]
    assert len(warnings) == (not is_granted)
    for line in warnings:
        assert line["wanted_bytes"] == 8388608 > line["receive_bytes"]
        if sys.platform == "linux":
            assert line["advice"] == "sudo sysctl -w net.core.rmem_max=8388608 net.core.wmem_max=8388608"


def test_a_taken_port_is_an_error_of_the_system() -> None:
    async def run() -> None:
        async with Broker(BrokerConfig(LOOPBACK, 0)) as broker:
            with pytest.raises(OSError, match="in use"):
                await Broker(BrokerConfig(LOOPBACK, broker.port)).__aenter__()

    asyncio.run(run())


def test_peers_are_told_when_it_stops_and_its_port_is_free_again() -> None:
    async def run() -> None:
        async with Broker(BrokerConfig(LOOPBACK, 0)) as broker:
            port = broker.port
            peer = SrtPeer(LOOPBACK, port, CallerOptions(stream_id="A"))
            await asyncio.to_thread(peer.connect)
        with peer:
            peer.turn(now_us() + 5_000_000)
            assert peer.connection.close_reason == "peer_shutdown"
        async with Broker(BrokerConfig(LOOPBACK, port)):
            pass

    asyncio.run(run())


def test_a_bug_in_the_endpoint_is_logged_and_the_broker_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        async with Broker(BrokerConfig(LOOPBACK, 0)) as broker:

            def fail(*_: object) -> None:
                monkeypatch.undo()
                raise ZeroDivisionError

            monkeypatch.setattr(broker.endpoint, "handle_batch", fail)
            assert await asyncio.to_thread(exchange, LOOPBACK, broker.port, [b"payload"]) == [b"payload"]

    with structlog.testing.capture_logs() as lines:
        asyncio.run(run())
    (bug,) = [line for line in lines if line["log_level"] == "error"]
    assert isinstance(bug["exc_info"], ZeroDivisionError)


@pytest.mark.parametrize(("backlog_seconds", "starts_at"), [(10, 0), (0.5, 0), (0, 4)])
def test_its_channels_have_the_backlog_of_the_configuration(backlog_seconds: float, starts_at: int) -> None:
    async def run() -> None:
        async with Broker(BrokerConfig(LOOPBACK, 0, backlog_seconds=backlog_seconds)) as broker:
            channel = broker.endpoint.hub.open_channel("A")
            assert channel is not None
            for index, payload in enumerate(Groups(keyframe_payloads=4).next_frame()):
                channel.stream.put(index, np.frombuffer(payload, np.uint8), 0)
            assert channel.start(int(1e6 * backlog_seconds) - 1) == starts_at
            assert channel.start(int(1e6 * backlog_seconds)) == 4

    asyncio.run(run())


def test_a_slate_is_made_after_it_listens_and_given_to_the_endpoint() -> None:
    async def run(lines: MutableSequence[EventDict]) -> None:
        async with Broker(BrokerConfig(LOOPBACK, 0, slate_text="Back soon")) as broker:
            assert broker.endpoint.poll_timer() is None
            async with asyncio.timeout(60):
                while "slate made" not in [line["event"] for line in lines]:
                    await asyncio.sleep(0.01)
            assert broker.endpoint.poll_timer() is not None

    with structlog.testing.capture_logs() as lines:
        asyncio.run(run(lines))
    assert [line["event"] for line in lines] == ["listening", "slate made", "stopped"]


def test_without_a_text_there_is_no_slate() -> None:
    async def run() -> None:
        async with Broker(BrokerConfig(LOOPBACK, 0)) as broker:
            await asyncio.sleep(0)
            assert broker.endpoint.poll_timer() is None

    with structlog.testing.capture_logs() as lines:
        asyncio.run(run())
    assert [line["event"] for line in lines] == ["listening", "stopped"]


@pytest.mark.parametrize("error", [MediaError("x264 is ill"), ValueError("x264 is ill")])
def test_a_slate_that_cannot_be_made_is_told_and_the_broker_goes_on(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: str) -> None:
        raise error

    async def run() -> None:
        async with Broker(BrokerConfig(LOOPBACK, 0, slate_text="Back soon")) as broker:
            assert await asyncio.to_thread(exchange, LOOPBACK, broker.port, [b"payload"]) == [b"payload"]

    monkeypatch.setattr("headrace.media.slate.make_slate", fail)
    with structlog.testing.capture_logs() as lines:
        asyncio.run(run())
    (told,) = [line for line in lines if line["log_level"] == "error"]
    assert told["reason"] == "x264 is ill"


def test_it_can_be_stopped_while_the_slate_is_being_made() -> None:
    async def run() -> None:
        async with Broker(BrokerConfig(LOOPBACK, 0, slate_text="Back soon")):
            pass

    with structlog.testing.capture_logs() as lines:
        asyncio.run(run())
    assert [line["event"] for line in lines] == ["listening", "stopped"]


@pytest.mark.parametrize(("megabits", "works", "warnings"), [(0, False, 0), (2.5, True, 0), (2.5, False, 1)])
def test_it_paces_what_it_sends_where_it_is_told_to_and_says_where_it_cannot(
    megabits: float, works: bool, warnings: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[int] = []

    def limit_rate(_: UdpSocket, bits_per_second: int) -> bool:
        limits.append(bits_per_second)
        return works

    async def run() -> None:
        async with Broker(BrokerConfig(LOOPBACK, 0, pacing_megabits=megabits)):
            pass

    monkeypatch.setattr(UdpSocket, "limit_rate", limit_rate)
    with structlog.testing.capture_logs() as lines:
        asyncio.run(run())
    assert limits == ([2_500_000] if megabits else [])
    assert len([line for line in lines if line["log_level"] == "warning"]) == warnings


@pytest.mark.parametrize("coalescing", [True, False])
def test_it_lets_packets_wait_for_others_unless_it_is_told_not_to(coalescing: bool) -> None:
    async def run() -> None:
        async with Broker(BrokerConfig(LOOPBACK, 0, coalescing=coalescing)) as broker:
            assert broker._loop._is_coalescing is coalescing
            assert (broker._loop._gather_us > 0) is coalescing

    asyncio.run(run())


def test_it_lets_in_as_many_as_it_is_told_to() -> None:
    async def run() -> None:
        async with Broker(BrokerConfig(LOOPBACK, 0, limits=Limits(connections=1))) as broker:
            await asyncio.to_thread(call, broker.port)
            assert broker.endpoint.limits_reached["connections"] == 1

    def call(port: int) -> None:
        with (
            SrtPeer(LOOPBACK, port, CallerOptions(stream_id="A")) as first,
            SrtPeer(LOOPBACK, port, CallerOptions(stream_id="A")) as second,
        ):
            first.connect()
            with pytest.raises(ConnectionRejectedError, match="2402"):
                second.connect()

    asyncio.run(run())
