"""The HTTP side of a broker."""

import asyncio
import socket

import httpx
import pytest

from headrace.service.broker import Broker, BrokerConfig
from headrace.web.http_config import HttpConfig
from headrace.web.listening_socket import HttpListenError


def test_a_broker_answers_over_http_as_long_as_it_runs() -> None:
    async def run() -> None:
        async with Broker(BrokerConfig("127.0.0.1", 0, http=HttpConfig("127.0.0.1", 0))) as broker:
            url = f"http://127.0.0.1:{broker.http_port}"
            async with httpx.AsyncClient(base_url=url, timeout=30) as client:
                assert (await client.get("/readyz")).status_code == 200
                listed = (await client.get("/api/v1/channels")).json()
                assert listed["channels"] == []
                assert listed["unix_ms"] > 1_600_000_000_000
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=5)

    asyncio.run(run())


def test_without_http_there_is_no_port() -> None:
    async def run() -> None:
        async with Broker(BrokerConfig("127.0.0.1", 0)) as broker:
            assert broker.http_port is None

    asyncio.run(run())


def test_where_http_cannot_be_the_broker_does_not_start_and_leaves_its_udp_port() -> None:
    async def run() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken, socket.socket(type=socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            udp_port = probe.getsockname()[1]
            probe.close()
            config = BrokerConfig("127.0.0.1", udp_port, http=HttpConfig("127.0.0.1", taken.getsockname()[1]))
            with pytest.raises(HttpListenError):
                await Broker(config).__aenter__()
            with socket.socket(type=socket.SOCK_DGRAM) as again:
                again.bind(("127.0.0.1", udp_port))

    asyncio.run(run())
