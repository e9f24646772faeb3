"""One HTTP connection, and how many there may be."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
import structlog
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.websockets import websockets_sansio_impl
from websockets.frames import Frame
from websockets.server import ServerProtocol

from headrace.web import guarded_protocol, uvicorn_server
from headrace.web.guarded_protocol import (
    FRAMES_AT_ONCE,
    MAX_CONNECTIONS_PER_HOST,
    MAX_HEAD_BYTES,
    MAX_REQUESTS_WAITING,
    ConnectionCounts,
    GuardedProtocol,
)
from headrace.web.http_config import HttpConfig, networks_of
from headrace.web.http_server import HttpServer
from headrace.web.listening_socket import listen_on


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass
        return
    await PlainTextResponse("here")(scope, receive, send)


def serve(use: Callable[[int], Awaitable[None]]) -> None:
    """Have ``use`` called with the port of a server."""

    async def run() -> None:
        tcp = listen_on("127.0.0.1", 0)
        port = tcp.getsockname()[1]
        server = HttpServer(tcp, HttpConfig(trusted_proxies=()), lambda: app)
        server.start()
        try:
            await asyncio.wait_for(use(port), 30)
        finally:
            await server.stop()

    asyncio.run(run())


async def ask_all(port: int, requests: bytes) -> bytes:
    """Return all that comes until the server hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(requests)
    answers = await reader.read()
    writer.close()
    return answers


async def exchange(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await reader.read(65536)
    writer.close()
    return answer


def head(length_bytes: int) -> bytes:
    """Return a request whose address and header count so many bytes."""
    return b"GET / HTTP/1.1\r\nX: " + b"x" * (length_bytes - 2) + b"\r\n\r\n"


def upgrade(more: bytes = b"") -> bytes:
    """Return a request to become a WebSocket."""
    return (
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" + more + b"\r\n"
    )


def frame(first: int, data: bytes) -> bytes:
    """Return a frame of a WebSocket, masked with zeros."""
    return bytes([first, 0x80 | len(data)]) + bytes(4) + data


async def speak(port: int, frames: bytes) -> bytes:
    """Return what comes to a WebSocket that says this, and does not say goodbye."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(upgrade())
    await reader.readuntil(b"\r\n\r\n")
    writer.write(frames)
    answer = await reader.read()
    writer.close()
    return answer


GOODBYE = frame(0x88, b"\x03\xe8")


def test_a_head_at_the_limit_is_taken_and_one_past_it_is_not() -> None:
    async def use(port: int) -> None:
        assert (await exchange(port, head(MAX_HEAD_BYTES))).startswith(b"HTTP/1.1 200")
        refused = await exchange(port, head(MAX_HEAD_BYTES + 1))
        assert refused.startswith(b"HTTP/1.1 431 ")
        assert b"application/problem+json" in refused

    serve(use)


def test_a_head_without_end_is_given_up() -> None:
    async def use(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nX: ")
        for _ in range(MAX_HEAD_BYTES // 1024 + 1):
            writer.write(b"x" * 1024)
            await asyncio.sleep(0)
        assert (await reader.read(65536)).startswith(b"HTTP/1.1 431 ")
        writer.close()

    serve(use)


def test_what_is_no_http_is_told_so_and_ended() -> None:
    async def use(port: int) -> None:
        assert (await exchange(port, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")).startswith(b"HTTP/1.1 400 ")

    serve(use)


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nX: x\r\n"])
def test_who_says_too_little_for_too_long_is_sent_away(begun: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded_protocol, "HEAD_SECONDS", 0.05)

    async def use(port: int) -> None:
        assert (await exchange(port, begun)).startswith(b"HTTP/1.1 408 ")

    serve(use)


def test_two_requests_of_one_connection_are_each_looked_at_anew() -> None:
    async def use(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(3):
            writer.write(head(MAX_HEAD_BYTES - 100))
            assert (await reader.readuntil(b"here")).startswith(b"HTTP/1.1 200")
        writer.close()

    serve(use)


def test_so_many_requests_may_wait_for_the_first_one_s_answer_and_one_more_ends_the_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun = 0

    class Counted(GuardedProtocol):
        def on_message_begin(self) -> None:
            nonlocal begun
            begun += 1
            super().on_message_begin()

    async def use(port: int) -> None:
        request = b"GET / HTTP/1.1\r\n\r\n"
        last = b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"
        answers = await ask_all(port, request * MAX_REQUESTS_WAITING + last)
        assert answers.count(b"HTTP/1.1 200 ") == MAX_REQUESTS_WAITING + 1
        nonlocal begun
        begun = 0
        # What is left unread has the kernel reset the connection, perhaps before an answer is heard.
        with suppress(ConnectionError):
            assert (await ask_all(port, request * 10_000)).count(b"HTTP/1.1 200 ") <= MAX_REQUESTS_WAITING + 1
        assert begun < 10 * MAX_REQUESTS_WAITING

    monkeypatch.setattr(uvicorn_server, "GuardedProtocol", Counted)
    serve(use)


def test_a_host_has_its_limit_and_a_trusted_proxy_has_none() -> None:
    counts = ConnectionCounts(networks_of("127.0.0.1"))
    assert all(counts.enter("192.0.2.1") for _ in range(MAX_CONNECTIONS_PER_HOST))
    assert not counts.enter("192.0.2.1")
    assert counts.enter("192.0.2.2")
    counts.leave("192.0.2.1")
    assert counts.enter("192.0.2.1")
    assert all(counts.enter("127.0.0.1") for _ in range(MAX_CONNECTIONS_PER_HOST + 1))
    assert counts.refused == 1


def test_proxies_of_a_trusted_network_have_no_limit_and_what_is_no_address_has_one() -> None:
    counts = ConnectionCounts(networks_of("10.0.0.0/8,fd00::/8"))
    for host in ("10.1.2.3", "fd00::1"):
        assert all(counts.enter(host) for _ in range(MAX_CONNECTIONS_PER_HOST + 1))
    for host in ("11.1.2.3", "fe00::1", ""):
        assert all(counts.enter(host) for _ in range(MAX_CONNECTIONS_PER_HOST))
        assert not counts.enter(host)


def test_all_together_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded_protocol, "MAX_CONNECTIONS", 3)
    counts = ConnectionCounts(networks_of("127.0.0.1"))
    assert [counts.enter(host) for host in ("192.0.2.1", "192.0.2.2", "127.0.0.1", "127.0.0.1")] == [True] * 3 + [
        False
    ]


async def let_in(port: int) -> asyncio.StreamWriter:
    """Open a WebSocket as soon as there is room: the server may be about to notice that another one has gone."""
    while True:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(upgrade())
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
            return writer
        writer.close()


def test_connections_that_have_gone_and_websockets_too_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded_protocol, "MAX_CONNECTIONS_PER_HOST", 1)

    async def use(port: int) -> None:
        for _ in range(3):
            writer = await let_in(port)
            second, other = await asyncio.open_connection("127.0.0.1", port)
            assert await second.read() == b""
            other.close()
            writer.close()
            await writer.wait_closed()

    serve(use)


@pytest.mark.parametrize(
    "frames", [frame(0x81, b"\xff"), frame(0x01, b"\xc3") + frame(0x80, b"\xc3"), frame(0x81, b"\xed\xa0\x80")]
)
def test_text_of_a_websocket_that_is_no_utf_8_ends_it_and_is_no_bug_of_ours(frames: bytes) -> None:
    async def use(port: int) -> None:
        assert (await speak(port, frames)).startswith(b"\x88\x02\x03\xef")

    with structlog.testing.capture_logs() as lines:
        serve(use)
    assert [line for line in lines if line["log_level"] == "error"] == []


def test_text_whose_characters_are_cut_between_frames_is_taken() -> None:
    async def use(port: int) -> None:
        frames = frame(0x01, b"\xc3") + frame(0x80, b"\xa4") + GOODBYE
        assert await speak(port, frames) == b"\x88\x02\x03\xe8"

    serve(use)


@pytest.mark.parametrize("more", [b"X: " + b"x" * 9_000 + b"\r\n", b"X: x\r\n" * 200])
def test_a_websocket_with_too_much_of_a_head_is_told_so_and_closed(more: bytes) -> None:
    async def use(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(upgrade(more))
        assert (await reader.read()).startswith(b"HTTP/1.1 431 ")
        writer.close()

    serve(use)


@pytest.mark.parametrize("one", [frame(0x81, b"{}"), frame(0x82, b""), frame(0x8A, b""), frame(0x81, b"x" * 100)])
def test_so_many_frames_of_a_websocket_are_taken_at_once_and_one_more_ends_it(one: bytes) -> None:
    async def use(port: int) -> None:
        assert await speak(port, one * (FRAMES_AT_ONCE - 1) + GOODBYE) == b"\x88\x02\x03\xe8"
        assert (await speak(port, one * (FRAMES_AT_ONCE + 20)))[2:4] == b"\x03\xf0"

    serve(use)


def test_of_frames_that_come_all_at_once_few_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at = 0

    class Counted(ServerProtocol):
        def recv_frame(self, frame: Frame) -> None:
            nonlocal looked_at
            looked_at += 1
            super().recv_frame(frame)

    async def use(port: int) -> None:
        # What is left unread has the kernel reset the connection, perhaps before the goodbye is heard.
        with suppress(ConnectionError):
            await speak(port, frame(0x81, b"{}") * 30_000)

    monkeypatch.setattr(websockets_sansio_impl, "ServerProtocol", Counted)
    serve(use)
    assert FRAMES_AT_ONCE < looked_at < 300


def test_text_that_is_no_utf_8_before_a_goodbye_ends_it_in_order() -> None:
    async def use(port: int) -> None:
        assert (await speak(port, frame(0x81, b"\xff") + GOODBYE)).startswith(b"\x88")

    with structlog.testing.capture_logs() as lines:
        serve(use)
    assert [line for line in lines if line["log_level"] == "error"] == []
