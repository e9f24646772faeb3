"""Server-sent events."""

import asyncio
import itertools
import json
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from tests.support.web_client import ADMIN_TOKEN, DeskStandIn, StateStandIn, ask

from headrace.store.location import parse_location
from headrace.store.state_store import StateStore
from headrace.web import event_routes
from headrace.web.admin_gate import FRESH_US as ADMIN_FRESH_US
from headrace.web.admin_gate import AdminGate
from headrace.web.event_routes import EventRoutes, encode_event, last_event_number
from headrace.web.public_channels import PublicChannels


def routes(desk: DeskStandIn) -> EventRoutes:
    clock = iter(range(0, 10**12, 10**9))
    gate = AdminGate(StateStandIn(), ADMIN_TOKEN, lambda: 0)
    return EventRoutes(desk, PublicChannels(desk, lambda: next(clock)), gate)


async def take(stream: AsyncIterator[str], count: int) -> list[str]:
    async with asyncio.timeout(10):
        return [await anext(stream) for _ in range(count)]


def test_everybody_hears_that_the_list_has_changed_and_only_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_routes, "LOOK_SECONDS", 0.001)

    async def run() -> None:
        desk = DeskStandIn()
        made = routes(desk)
        stream = made._stream(None)
        first = await take(stream, 2)
        assert first[0].startswith("retry: ")
        assert first[1].startswith("event: channels\ndata: ")
        assert made.listeners == 1
        looks = desk.looks
        desk.add("A")
        (second,) = await take(stream, 1)
        assert json.loads(second.partition("data: ")[2]) == {"unix_ms": 1_000_000, "channels": 1}
        assert desk.looks > looks
        await stream.aclose()
        assert made.listeners == 0

    asyncio.run(run())


def test_a_quiet_stream_says_that_it_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_routes, "ALIVE_SECONDS", 0.001)

    async def run() -> None:
        stream = routes(DeskStandIn())._stream(None)
        assert ": alive\n\n" in await take(stream, 4)
        await stream.aclose()

    asyncio.run(run())


def test_the_admin_hears_what_happens() -> None:
    async def run() -> None:
        desk = DeskStandIn()
        desk.happening = [{"number": 7, "event": "producer gone", "address": "192.0.2.9:5"}]
        stream = routes(desk)._stream(ADMIN_TOKEN)
        heard = await take(stream, 3)
        assert any(one.startswith("id: 7\nevent: event\n") and "192.0.2.9" in one for one in heard)
        await stream.aclose()
        stream = routes(desk)._stream(None)
        assert "192.0.2.9" not in "".join(await take(stream, 2))
        await stream.aclose()

    asyncio.run(run())


def test_who_comes_back_hears_what_it_missed() -> None:
    async def run() -> None:
        desk = DeskStandIn()
        desk.happening = [{"number": number, "event": "producer gone"} for number in (7, 8, 9)]
        made = routes(desk)
        asked = {"Authorization": f"Bearer {ADMIN_TOKEN}", "Last-Event-ID": "7"}
        headers = [(name.lower().encode(), value.encode()) for name, value in asked.items()]
        scope = {"type": "http", "headers": headers, "query_string": b""}
        answer = await made._listen(Request(scope))
        assert isinstance(answer, StreamingResponse)
        stream = answer.body_iterator
        assert isinstance(stream, AsyncGenerator)
        heard = await take(stream, 4)
        assert [one.partition("\n")[0] for one in heard if one.startswith("id: ")] == ["id: 8", "id: 9"]
        await stream.aclose()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", 12),
        (" 12 ", 12),
        ("0", 0),
        ("", None),
        ("-1", None),
        ("x", None),
        ("\u0663", None),
        ("9" * 5000, None),
    ],
)
def test_what_was_heard_last_is_a_number_or_nothing(text: str, number: int | None) -> None:
    request = Request({"type": "http", "headers": [(b"last-event-id", text.encode())]})
    assert last_event_number(request) == number


def test_who_has_an_admin_token_that_was_replaced_hears_no_more(tmp_path: Path) -> None:
    with StateStore(parse_location(str(tmp_path))) as store:

        class Desk(DeskStandIn):
            async def events(self, after: int | None = None) -> AsyncIterator[dict[str, Any]]:
                yield {"number": 7}
                store.admin_tokens.replace("the second one")
                yield {"number": 8}

        async def run() -> list[str]:
            clock_us = itertools.count(0, 2 * ADMIN_FRESH_US)
            gate = AdminGate(StateStandIn(store), None, lambda: next(clock_us))
            desk = Desk()
            made = EventRoutes(desk, PublicChannels(desk, lambda: 0), gate)
            async with asyncio.timeout(10):
                heard = [text async for text in made._stream("the first one")]
            assert made.listeners == 0
            return heard

        store.admin_tokens.replace("the first one")
        heard = "".join(asyncio.run(run()))
        assert "id: 7\n" in heard
        assert "id: 8\n" not in heard


def test_a_wrong_token_hears_nothing_and_too_many_are_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    made = routes(DeskStandIn())
    app = Starlette(routes=[made.route()])
    assert ask(app, "GET", "/api/v1/events", headers={"Authorization": "Bearer wrong"}).status_code == 401
    monkeypatch.setattr(event_routes, "MAX_LISTENERS", 0)
    answer = ask(app, "GET", "/api/v1/events")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")


def test_data_is_one_line_whatever_stands_in_it() -> None:
    assert encode_event("x", {"why": "a\nb"}).count("\n") == 3
