"""Connecting as a caller: every way in which it can go, and that none leaves anything behind."""

import asyncio
import socket
from typing import Any

import pytest
from tests.support.loops import run, until
from tests.support.ports import free_udp_port, wait_for_datagram
from tests.support.srt_datagrams import control

from headrace.base.sockaddr import decode_sockaddr
from headrace.client import srt_connect as module
from headrace.client.srt_connect import open_socket, srt_connect
from headrace.client.srt_listen import srt_listen
from headrace.client.srt_socket import ConnectionEndedError
from headrace.srt.caller import ConnectTimeoutError, HandshakeError
from headrace.srt.packet import HEADER_BYTES
from headrace.srt.rejection import ConnectionRejectedError, RejectReason


@pytest.mark.parametrize(
    ("listen_at", "call"), [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), (None, "127.0.0.1"), (None, "::1")]
)
def test_a_caller_gets_through_by_ipv4_and_ipv6(listen_at: str | None, call: str) -> None:
    async def main() -> None:
        async with (
            await srt_listen(listen_at, latency_ms=20) as server,
            await srt_connect(call, server.port, stream_id="cam", latency_ms=20) as caller,
        ):
            accepted = await server.accept()
            await caller.send(b"there")
            assert await accepted.receive() == b"there"
            await accepted.send(b"back")
            assert await caller.receive() == b"back"
            assert accepted.peer.startswith("[::1]" if call == "::1" else "127.0.0.1")

    run(main)


def test_the_longer_latency_of_both_sides_holds() -> None:
    async def main() -> None:
        async with (
            await srt_listen("127.0.0.1", latency_ms=80) as server,
            await srt_connect("127.0.0.1", server.port, latency_ms=20) as caller,
        ):
            assert caller.connection.parameters.receive_latency_us == 80_000
            assert caller.connection.parameters.send_latency_us == 80_000

    run(main)


def test_nobody_there_is_a_timeout_that_says_where() -> None:
    async def main() -> None:
        port = free_udp_port()
        with pytest.raises(ConnectTimeoutError, match=f"127.0.0.1:{port}: .* within 200 ms: is an SRT listener"):
            await srt_connect("127.0.0.1", port, connect_timeout_seconds=0.2)

    run(main)


def test_a_refusal_says_why() -> None:
    async def main() -> None:
        async with await srt_listen("127.0.0.1", admit=lambda *_: RejectReason.NOT_FOUND) as server:
            with pytest.raises(ConnectionRejectedError, match="no such channel") as caught:
                await srt_connect("127.0.0.1", server.port)
            assert caught.value.code == RejectReason.NOT_FOUND

    run(main)


class _OldListener(asyncio.DatagramProtocol):
    """Sends every handshake back as it came, which is what no listener of version 5 does."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        body = data[HEADER_BYTES:]
        self._transport.sendto(control(0, body, to=int.from_bytes(body[24:28], "big")), addr)


def test_a_listener_that_is_not_of_version_5_is_an_error() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(_OldListener, ("127.0.0.1", 0))
        port = transport.get_extra_info("sockname")[1]
        with pytest.raises(HandshakeError, match="version 4"):
            await srt_connect("127.0.0.1", port)
        transport.close()

    run(main)


@pytest.mark.parametrize("name", ["no-such-host.invalid", "two..dots", "x" * 80])
def test_a_name_that_means_nothing_is_an_os_error(name: str) -> None:
    async def main() -> None:
        with pytest.raises(OSError, match=r"not known|failure in name resolution|no host name"):
            await srt_connect(name, 8890)

    run(main)


@pytest.mark.parametrize("port", [-1, 0, 65_536, 70_000])
def test_a_port_that_is_none_is_a_mistake_of_the_program(port: int) -> None:
    async def main() -> None:
        with pytest.raises(ValueError, match=f"port {port} "):
            await srt_connect("127.0.0.1", port)

    run(main)


@pytest.mark.parametrize("latency_ms", [-1, 65_536])
def test_a_latency_that_does_not_fit_the_handshake_is_a_mistake_of_the_program(latency_ms: int) -> None:
    async def main() -> None:
        with pytest.raises(ValueError, match=f"{latency_ms} ms"):
            await srt_connect("127.0.0.1", 8890, latency_ms=latency_ms)

    run(main)


def test_a_stream_id_that_is_too_long_leaves_nothing_open() -> None:
    async def main() -> None:
        with pytest.raises(ValueError, match="512"):
            await srt_connect("127.0.0.1", 8890, stream_id="x" * 513)

    run(main)


def test_a_connect_that_is_cancelled_leaves_nothing_open() -> None:
    async def main() -> None:
        port = free_udp_port()
        task = asyncio.create_task(srt_connect("127.0.0.1", port))
        await wait_for_datagram(port)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main)


def test_a_connect_that_is_cancelled_as_it_succeeds_ends_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    conclude = module._Attempt._conclude

    async def main() -> None:
        async with await srt_listen("127.0.0.1") as server:
            task = asyncio.create_task(srt_connect("127.0.0.1", server.port))

            def cancel_after(attempt: module._Attempt) -> None:
                conclude(attempt)
                if attempt.outcome.done():
                    task.cancel()

            monkeypatch.setattr(module._Attempt, "_conclude", cancel_after)
            with pytest.raises(asyncio.CancelledError):
                await task
            accepted = await server.accept()
            await until(lambda: accepted.close_reason == "peer_shutdown", seconds=2)

    run(main)


def test_a_scoped_ipv6_address_keeps_its_scope(monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolved(*_: object, **__: object) -> list[Any]:
        return [(socket.AF_INET6, socket.SOCK_DGRAM, 17, "", ("fe80::1", 8890, 0, 3))]

    async def main() -> None:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolved)
        address, udp = await open_socket("fe80::1%three", 8890)
        udp.close()
        assert decode_sockaddr(address) == ("fe80::1", 8890, 3)

    run(main)


def test_a_listener_that_is_restarted_without_a_goodbye_is_noticed_before_the_peer_timeout() -> None:
    async def main() -> None:
        async with await srt_listen("127.0.0.1") as first:
            caller = await srt_connect("127.0.0.1", first.port)
            first._port.close()  # it vanishes without a word
            async with await srt_listen("127.0.0.1", first.port):
                with pytest.raises(ConnectionEndedError, match="restarted") as caught:
                    await asyncio.wait_for(caller.receive(), 4.5)
                assert caught.value.reason == caller.close_reason == "forgotten"

    run(main)
