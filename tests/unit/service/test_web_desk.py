"""What the HTTP side may know and change of a running broker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.support.access import KEYS, UNKNOWN_KEY, closed_directory, token

from headrace.access.ask import Verb
from headrace.access.channel_rule import ChannelRule, Visibility
from headrace.access.directory import Directory
from headrace.client.broker_address import BrokerAddress
from headrace.client.client import Client
from headrace.netio.clock import unix_time_us
from headrace.service import web_desk
from headrace.service.broker import Broker, BrokerConfig
from headrace.service.web_desk import WebDesk
from headrace.web.gateway import ChatIdentity, GatewayRefusal

RULES = ChannelRule("open"), ChannelRule("secret", Visibility.PRIVATE)
DIRECTORY = Directory.of(1, RULES)


@asynccontextmanager
async def desk_of_broker(directory: Directory | None = DIRECTORY) -> AsyncIterator[tuple[Broker, WebDesk]]:
    async with Broker(BrokerConfig("127.0.0.1", 0)) as broker:
        if directory is not None:
            await broker.use_directory(directory)
        yield broker, WebDesk(broker.desk, broker.endpoint, broker.loop, lambda: directory)


async def code(desk: WebDesk, channel_id: str, credential: str | None = None) -> int:
    with pytest.raises(GatewayRefusal) as caught:
        await desk.may_watch(channel_id, credential, "192.0.2.1")
    return caught.value.code


def test_who_may_watch_is_what_the_gate_says() -> None:
    async def run() -> None:
        async with desk_of_broker() as (_, desk):
            await desk.may_watch("open", None, "192.0.2.1")
            assert await code(desk, "secret") == 2401
            assert await code(desk, "secret", "nonsense") == 2401
            assert await code(desk, "nothing") == 2404
            assert await code(desk, "../open") == 2400

    asyncio.run(run())


def test_who_asks_while_another_service_is_asked_waits_for_it_but_not_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(web_desk, "ASK_SECONDS", 0)

    async def run() -> None:
        async with desk_of_broker() as (broker, desk):
            answers = [None, None, "granted"]
            monkeypatch.setattr(broker.endpoint, "ask", lambda *_: answers.pop(0))
            await desk.may_watch("open", None, "192.0.2.1")
            monkeypatch.setattr(broker.endpoint, "ask", lambda *_: None)
            assert await code(desk, "open") == 2402

    asyncio.run(run())


def test_visibility_is_known_of_channels_that_nobody_produces() -> None:
    async def run() -> None:
        async with desk_of_broker() as (_, desk):
            assert desk.visibility("open") is Visibility.PUBLIC
            assert desk.visibility("secret") is Visibility.PRIVATE
            assert desk.visibility("nothing") is None
            assert desk.is_ready

    asyncio.run(run())


def test_before_the_state_is_read_nothing_is_known() -> None:
    async def run() -> None:
        async with desk_of_broker(None) as (_, desk):
            assert not desk.is_ready
            assert desk.visibility("open") is None

    asyncio.run(run())


def test_a_subscriber_is_sent_away_and_that_is_an_event() -> None:
    async def run() -> None:
        async with desk_of_broker() as (broker, desk), Client(BrokerAddress("127.0.0.1", broker.port)) as client:
            seen: set[str] = set()

            async def listen() -> None:
                async for event in desk.events():
                    seen.add(event["event"])

            listening = asyncio.create_task(listen())
            await asyncio.sleep(0)
            client.subscribe("open")
            async with asyncio.timeout(10):
                while not (subscribers := (await desk.status("*"))["subscribers"]):
                    await asyncio.sleep(0.01)
                socket_id = int(subscribers[0]["socket_id"], 16)
                assert await desk.kick(socket_id)
                while "subscriber gone" not in seen:
                    await asyncio.sleep(0.01)
            assert not await desk.kick(socket_id)
            assert not await desk.kick(0x7FFF_FFFF)
            assert broker.endpoint.ended_rights == {"kicked": 1}
            listening.cancel()

    asyncio.run(run())


def test_in_a_chat_a_key_or_token_gives_a_role_or_a_reason_why_not() -> None:
    now_unix_us = unix_time_us()
    expected = [
        (None, ChatIdentity()),
        (KEYS["cam1"], ChatIdentity(role="producer")),
        (KEYS["cam2"], ChatIdentity(fault="the stream key is for another channel")),
        (UNKNOWN_KEY, ChatIdentity(fault="nobody has this stream key")),
        ("hra_mistyped", ChatIdentity(fault="this is not the admin token")),
        ("nonsense", ChatIdentity(fault="this is no token")),
        (token("cam1", start_us=now_unix_us), ChatIdentity()),
        (token("cam1", Verb.PUBLISH, start_us=now_unix_us), ChatIdentity(role="producer")),
        (token("cam2", start_us=now_unix_us), ChatIdentity(fault="the token is for another channel")),
        (token("cam1", seconds=-60, start_us=now_unix_us), ChatIdentity(fault="the token has expired")),
    ]

    async def run() -> None:
        async with desk_of_broker(closed_directory()) as (_, desk):
            assert [(shown, desk.chat_identity("cam1", shown)) for shown, _ in expected] == expected
        async with desk_of_broker(None) as (_, desk):
            assert desk.chat_identity("cam1", "nonsense") == ChatIdentity()

    asyncio.run(run())


def test_where_no_tokens_are_known_one_is_told_so() -> None:
    async def run() -> None:
        async with desk_of_broker() as (_, desk):
            fault = desk.chat_identity("open", "nonsense").fault
            assert fault is not None
            assert fault.endswith("no key for tokens is set here")

    asyncio.run(run())


async def numbers(desk: WebDesk, after: int | None, count: int) -> list[int]:
    """Return those of the first so many events."""
    events = aiter(desk.events(after))
    async with asyncio.timeout(10):
        return [(await anext(events))["number"] for _ in range(count)]


def test_who_comes_back_is_given_what_is_kept_since_and_all_of_it_by_a_broker_that_was_started_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(web_desk, "EVENT_SECONDS", 0)

    async def run() -> None:
        async with desk_of_broker() as (broker, desk):
            log = broker.endpoint.events
            for _ in range(3):
                await broker.loop.call(lambda: log.note("producer gone"))
            assert await numbers(desk, 1, 2) == [2, 3]
            assert await numbers(desk, 0, 3) == [1, 2, 3]
            assert await numbers(desk, 99, 3) == [1, 2, 3]
            for after in (3, None):
                waiting = asyncio.create_task(numbers(desk, after, 1))
                await asyncio.sleep(0)
                await broker.loop.call(lambda: None)
                await broker.loop.call(lambda: log.note("producer gone"))
                assert await waiting == [4 if after else 5]

    asyncio.run(run())


def test_it_says_whether_anybody_may_produce() -> None:
    async def run() -> None:
        async with desk_of_broker() as (_, desk):
            assert not desk.is_open
        async with desk_of_broker(None) as (_, desk):
            assert not desk.is_open
        async with desk_of_broker(Directory.of(1, RULES, is_open=True)) as (_, desk):
            assert desk.is_open

    asyncio.run(run())
