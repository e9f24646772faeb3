"""The HTTP side of a broker."""

import asyncio
import socket
from pathlib import Path

import httpx
import pytest

from headrace.access.ask import Ask, Verb
from headrace.access.gate import Denial
from headrace.base.sockaddr import encode_sockaddr
from headrace.endpoints.admissions import Admitted
from headrace.netio.clock import now_us
from headrace.service import state_follower
from headrace.service.broker import Broker, BrokerConfig
from headrace.service.state_follower import StateChoice
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


def test_a_key_that_the_api_has_made_opens_its_channel_at_once_and_one_that_it_has_revoked_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_follower, "ASK_SECONDS", 3600)
    token = "an-admin-token-that-is-long"
    http = HttpConfig("127.0.0.1", 0, admin_token=token)
    config = BrokerConfig("127.0.0.1", 0, http=http, state=StateChoice(str(tmp_path)))

    async def run() -> None:
        async with Broker(config) as broker:
            await broker.ready()

            async def said_of(key: str) -> Admitted | Denial | None:
                ask, address = Ask(Verb.PUBLISH, "A", key), encode_sockaddr("192.0.2.1", 1)
                return await broker.loop.call(lambda: broker.endpoint.ask(ask, address, now_us()))

            url, headers = f"http://127.0.0.1:{broker.http_port}/api/v1", {"Authorization": f"Bearer {token}"}
            async with httpx.AsyncClient(base_url=url, timeout=60, headers=headers) as client:
                await client.post("/channel-records", json={"channel_id": "A", "visibility": "public"})
                made = (await client.post("/keys", json={"channel_id": "A", "label": "van"})).json()
                assert isinstance(await said_of(made["key"]), Admitted)
                await client.delete(f"/keys/A/{made['key_id']}")
                assert isinstance(await said_of(made["key"]), Denial)

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
