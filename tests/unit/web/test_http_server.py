"""Serves an application in the running event loop."""

import asyncio
import signal
import socket
import threading
from collections.abc import AsyncIterator

import httpx
import pytest
import structlog
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from headrace.web.http_config import HttpConfig, networks_of
from headrace.web.http_server import HttpServer
from headrace.web.listening_socket import listen_on

UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 198.51.100.4\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse(scope["client"][0])(scope, receive, send)


def test_whoever_calls_while_it_loads_is_answered_when_it_has_loaded() -> None:
    may_load = threading.Event()

    def load() -> ASGIApp:
        assert may_load.wait(10)
        return hello

    async def run() -> str:
        tcp = listen_on("127.0.0.1", 0)
        url = "http://{}:{}/".format(*tcp.getsockname())
        server = HttpServer(tcp, HttpConfig(), load)
        server.start()
        async with httpx.AsyncClient(timeout=60) as client:
            asking = asyncio.create_task(client.get(url))
            await asyncio.sleep(0)
            may_load.set()
            said = (await asyncio.wait_for(asking, 60)).text
        await server.stop()
        await server.stop()
        return said

    assert asyncio.run(run()) == "127.0.0.1"


def test_signals_stay_the_programs() -> None:
    async def run() -> None:
        before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
        tcp = listen_on("127.0.0.1", 0)
        server = HttpServer(tcp, HttpConfig(), lambda: hello)
        server.start()
        async with httpx.AsyncClient(timeout=60) as client:
            await client.get("http://{}:{}/".format(*tcp.getsockname()))
        assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
        await server.stop()

    asyncio.run(run())


async def told_host(tcp: socket.socket, trusted: str) -> str:
    """Return who asks as the server sees it, where a proxy on this machine names another."""
    server = HttpServer(tcp, HttpConfig(trusted_proxies=networks_of(trusted)), lambda: hello)
    server.start()
    url = f"http://127.0.0.1:{tcp.getsockname()[1]}/"
    async with httpx.AsyncClient(timeout=60, headers={"X-Forwarded-For": "198.51.100.4"}) as client:
        said = (await client.get(url)).text
    await server.stop()
    return said


@pytest.mark.parametrize("host", ["127.0.0.1", None])
@pytest.mark.parametrize(
    ("trusted", "told"),
    [
        ("127.0.0.1", "198.51.100.4"),
        ("10.0.0.0/8, 127.0.0.0/8", "198.51.100.4"),
        ("192.0.2.0/24, ::1", "127.0.0.1"),
        ("", "127.0.0.1"),
    ],
)
def test_a_proxy_that_is_trusted_says_who_asks_and_another_does_not(
    host: str | None, trusted: str, told: str
) -> None:
    assert asyncio.run(told_host(listen_on(host, 0), trusted)) == told


def test_a_websocket_s_proxy_is_known_where_a_socket_of_ipv6_takes_what_comes_by_ipv4() -> None:
    async def tell(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": scope["client"][0]})

    async def run() -> bytes:
        tcp = listen_on(None, 0)
        server = HttpServer(tcp, HttpConfig(), lambda: tell)
        server.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", tcp.getsockname()[1])
        writer.write(UPGRADE)
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
        said = await asyncio.wait_for(reader.readexactly(2 + len("198.51.100.4")), 60)
        writer.close()
        await server.stop()
        return said

    assert asyncio.run(run()) == b"\x81\x0c198.51.100.4"


def test_an_application_that_cannot_be_made_ends_http_and_nothing_else() -> None:
    def fail() -> ASGIApp:
        raise ZeroDivisionError

    async def run() -> None:
        server = HttpServer(listen_on("127.0.0.1", 0), HttpConfig(), fail)
        server.start()
        async with asyncio.timeout(10):
            while not lines:
                await asyncio.sleep(0.01)
        await server.stop()

    with structlog.testing.capture_logs() as lines:
        asyncio.run(run())
    assert [line["event"] for line in lines] == ["HTTP has ended; the broker goes on without"]


@pytest.mark.parametrize("count", [1, 3])
def test_answers_that_go_on_for_ever_do_not_hold_up_the_end(count: int) -> None:
    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        async def pieces() -> AsyncIterator[bytes]:
            while True:
                yield b"x"
                await asyncio.sleep(0.01)

        await StreamingResponse(pieces())(scope, receive, send)

    async def run() -> float:
        tcp = listen_on("127.0.0.1", 0)
        server = HttpServer(tcp, HttpConfig(), lambda: endless)
        server.start()
        readers = []
        for _ in range(count):
            reader, writer = await asyncio.open_connection(*tcp.getsockname())
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            await reader.readuntil(b"x")
            readers.append((reader, writer))
        started = asyncio.get_running_loop().time()
        await server.stop()
        for _, writer in readers:
            writer.close()
        return asyncio.get_running_loop().time() - started

    assert asyncio.run(run()) < 5
