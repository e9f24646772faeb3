"""Serves an application in the running event loop."""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator

import httpx
import pytest
import structlog
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from headrace.web.http_config import HttpConfig
from headrace.web.http_server import HttpServer
from headrace.web.listening_socket import listen_on


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


def test_a_proxy_that_is_trusted_says_who_asks_and_another_does_not() -> None:
    async def run(trusted: tuple[str, ...]) -> str:
        tcp = listen_on("127.0.0.1", 0)
        server = HttpServer(tcp, HttpConfig(trusted_proxies=trusted), lambda: hello)
        server.start()
        async with httpx.AsyncClient(timeout=60, headers={"X-Forwarded-For": "198.51.100.4"}) as client:
            said = (await client.get("http://{}:{}/".format(*tcp.getsockname()))).text
        await server.stop()
        return said

    assert asyncio.run(run(("127.0.0.1",))) == "198.51.100.4"
    assert asyncio.run(run(("192.0.2.0/24",))) == "127.0.0.1"


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
