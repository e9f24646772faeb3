"""Bodies of requests."""

import asyncio
from collections.abc import Iterable

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from headrace.web import body_limit
from headrace.web.body_limit import MAX_BODY_BYTES, BodyLimit


async def measure(scope: Scope, receive: Receive, send: Send) -> None:
    length = len(await Request(scope, receive).body()) if scope["method"] != "GET" else 0
    await PlainTextResponse(str(length))(scope, receive, send)


def answer(
    pieces: Iterable[bytes], headers: dict[str, str] | None = None, *, ends: bool = True, method: str = "POST"
) -> tuple[int, bytes]:
    """Return status and body of the answer to a body that comes in ``pieces``."""
    messages: list[Message] = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    if ends:
        messages.append({"type": "http.request", "body": b"", "more_body": False})
    sent: list[Message] = []

    async def receive() -> Message:
        if not messages:
            await asyncio.Event().wait()
        return messages.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    raw = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
    asyncio.run(BodyLimit(measure)({"type": "http", "method": method, "headers": raw}, receive, send))
    return sent[0]["status"], sent[1]["body"]


def test_a_body_of_the_longest_length_is_taken_and_a_byte_more_is_not() -> None:
    half = b"a" * (MAX_BODY_BYTES // 2)
    assert answer([half, half]) == (200, str(MAX_BODY_BYTES).encode())
    assert answer([half, half, b"a"])[0] == 413


def test_one_that_announces_more_is_not_read() -> None:
    assert answer([], {"Content-Length": str(MAX_BODY_BYTES + 1)}, ends=False)[0] == 413
    assert answer([b"x"], {"Content-Length": "no number"}) == (200, b"1")


def test_one_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_limit, "BODY_SECONDS", 0.01)
    assert answer([b"begun"], ends=False)[0] == 408


def test_who_asks_without_a_body_is_not_waited_for() -> None:
    assert answer([], ends=False, method="GET") == (200, b"0")


def test_what_comes_after_the_body_is_the_peers_goodbye() -> None:
    told: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        told.extend([(await receive())["type"], (await receive())["type"]])

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        raise AssertionError

    asyncio.run(BodyLimit(app)({"type": "http", "method": "POST", "headers": []}, receive, send))
    assert told == ["http.request", "http.disconnect"]
