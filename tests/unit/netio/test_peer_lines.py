"""Sockets of their own for the peers that are named."""

import asyncio
import errno
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
import structlog

from headrace.base.datagram_batch import DatagramBatch
from headrace.netio.capabilities import PORTABLE, Capabilities, probe_capabilities
from headrace.netio.media_loop import MediaLoop
from headrace.netio.peer_lines import PeerLines
from headrace.netio.udp_socket import UdpSocket


class Recorder:
    """A machine that keeps what it is given, and what its loop reports."""

    def __init__(self) -> None:
        self.datagrams: list[bytes] = []
        self.errors: list[Exception] = []

    def handle_batch(self, batch: DatagramBatch, now_us: int) -> None:
        self.datagrams += [batch.datagram(row) for row in range(batch.count)]

    def handle_timer(self, now_us: int) -> None:
        raise AssertionError("it has no timer")

    def poll_timer(self) -> int | None:
        return None


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


def send(peer: UdpSocket, to: UdpSocket, text: bytes) -> None:
    batch = DatagramBatch(1)
    batch.append(text, to.local_address)
    assert peer.send_batch(batch) == 1


@pytest.mark.parametrize("capabilities", [probe_capabilities(), PORTABLE], ids=["machine", "portable"])
def test_a_peer_is_heard_with_a_line_and_without_one_and_after_it(capabilities: Capabilities) -> None:
    async def scenario() -> None:
        machine = Recorder()
        with (
            UdpSocket.bind("127.0.0.1", 0, capabilities=capabilities) as shared,
            UdpSocket.bind("127.0.0.1", 0) as peer,
        ):
            loop = MediaLoop(shared, machine, on_error=machine.errors.append)
            loop.start()
            lines = PeerLines(shared, loop)
            send(peer, shared, b"before")
            await until(lambda: machine.datagrams == [b"before"])
            lines.open(peer.local_address)
            lines.open(peer.local_address)
            assert len(lines) == (1 if capabilities.peer_sockets else 0)
            send(peer, shared, b"through the line")
            await until(lambda: len(machine.datagrams) == 2)
            lines.close(peer.local_address)
            lines.close(peer.local_address)
            send(peer, shared, b"after")
            await until(lambda: len(machine.datagrams) == 3)
            lines.open(peer.local_address)
            lines.close_all()
            assert len(lines) == 0
            loop.stop()
            assert machine.errors == []
            assert machine.datagrams == [b"before", b"through the line", b"after"]
            assert shared.counters.datagrams_received == 3

    asyncio.run(scenario())


def test_a_peer_whose_line_breaks_is_heard_through_the_common_socket_and_may_have_another_one() -> None:
    def fail(batch: DatagramBatch, limit: int) -> int:
        raise OSError("gone")

    async def scenario() -> None:
        machine, errors = Recorder(), list[Exception]()
        with UdpSocket.bind("127.0.0.1", 0) as shared, UdpSocket.bind("127.0.0.1", 0) as peer:
            if not shared.capabilities.peer_sockets:
                pytest.skip("this system cannot separate peers")
            loop = MediaLoop(shared, machine, on_error=errors.append)
            loop.start()
            lines = PeerLines(shared, loop)
            lines.open(peer.local_address)
            [line] = lines._lines.values()
            line.receive_more = fail  # type: ignore[method-assign]
            send(peer, shared, b"lost")
            await until(lambda: len(errors) == 1)
            assert len(lines) == 0
            send(peer, shared, b"through the common socket")
            await until(lambda: machine.datagrams == [b"through the common socket"])
            lines.open(peer.local_address)
            assert len(lines) == 1
            send(peer, shared, b"through another line")
            await until(lambda: len(machine.datagrams) == 2)
            lines.close_all()
            loop.stop()

    asyncio.run(scenario())


@contextmanager
def out_of_descriptors() -> Iterator[None]:
    """Let this process open no further file."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    spare = os.dup(0)
    os.close(spare)
    resource.setrlimit(resource.RLIMIT_NOFILE, (spare, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_without_descriptors_producers_are_served_through_the_common_socket_and_one_line_tells_it() -> None:
    async def scenario() -> None:
        machine = Recorder()
        with ExitStack() as stack:
            shared = stack.enter_context(UdpSocket.bind("127.0.0.1", 0))
            if not shared.capabilities.peer_sockets:
                pytest.skip("this system cannot separate peers")
            peers = [stack.enter_context(UdpSocket.bind("127.0.0.1", 0)) for _ in range(4)]
            loop = MediaLoop(shared, machine, on_error=machine.errors.append)
            loop.start()
            lines = PeerLines(shared, loop)
            with structlog.testing.capture_logs() as logged:
                with out_of_descriptors():
                    for peer in peers[:3]:
                        lines.open(peer.local_address)
                    assert (len(lines), lines.refused) == (0, 3)
                    send(peers[0], shared, b"still here")
                    await until(lambda: machine.datagrams == [b"still here"])
                lines.open(peers[3].local_address)
                assert len(lines) == 1
                with out_of_descriptors():
                    lines.open(peers[0].local_address)
            lines.close_all()
            loop.stop()
            assert machine.errors == []
        assert [line["reason"] for line in logged] == ["Too many open files"] * 2
        assert all("ulimit -n" in line["advice"] for line in logged)
        assert [line["producers_with_one"] for line in logged] == [0, 1]

    asyncio.run(scenario())


def test_a_line_that_cannot_be_watched_is_closed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async def scenario() -> None:
        with UdpSocket.bind("127.0.0.1", 0) as shared, UdpSocket.bind("127.0.0.1", 0) as peer:
            if not shared.capabilities.peer_sockets:
                pytest.skip("this system cannot separate peers")
            machine = Recorder()
            loop = MediaLoop(shared, machine, on_error=machine.errors.append)
            loop.start()
            lines = PeerLines(shared, loop)
            with monkeypatch.context() as patch:
                patch.setattr(loop, "add", refuse)
                lines.open(peer.local_address)
            assert (len(lines), lines.refused) == (0, 1)
            send(peer, shared, b"still here")
            await until(lambda: machine.datagrams == [b"still here"])
            loop.stop()
            assert machine.errors == []

    asyncio.run(scenario())
