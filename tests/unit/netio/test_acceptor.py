"""Connections are taken one by one, and later where the system can give none."""

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack

import pytest
import structlog

from headrace.netio import acceptor
from headrace.netio.acceptor import Acceptor


class Refusing(socket.socket):
    """A listening socket whose system has no descriptors left so often.

    Attributes:
        errors: The numbers of the errors that are still to come.
        attempts: How often it was asked for a connection.
    """

    errors: list[int]
    attempts = 0

    def accept(self) -> tuple[socket.socket, object]:
        self.attempts += 1
        if self.errors:
            raise OSError(self.errors.pop(), "Too many open files")
        return super().accept()


@pytest.fixture
def listening() -> Iterator[Refusing]:
    with Refusing() as tcp:
        tcp.errors = []
        tcp.bind(("127.0.0.1", 0))
        tcp.listen(8)
        tcp.setblocking(False)
        yield tcp


def callers(stack: ExitStack, tcp: socket.socket, count: int) -> None:
    """Let so many connect, who wait until the stack unwinds."""
    for _ in range(count):
        stack.enter_context(socket.create_connection(tcp.getsockname()))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


def run(
    tcp: Refusing, count: int, use: Callable[[Acceptor, list[socket.socket]], Awaitable[None]]
) -> list[structlog.typing.EventDict]:
    """Let ``count`` connect, and use what takes them; return what was logged."""
    taken: list[socket.socket] = []

    async def scenario() -> None:
        taking = Acceptor(tcp, taken.append, "the test")
        taking.start()
        await use(taking, taken)
        taking.stop()

    with ExitStack() as stack, structlog.testing.capture_logs() as lines:
        callers(stack, tcp, count)
        asyncio.run(scenario())
        for peer in taken:
            peer.close()
    return list(lines)


def test_one_is_taken_in_a_turn_of_the_loop(listening: Refusing) -> None:
    async def use(_: Acceptor, taken: list[socket.socket]) -> None:
        counts = []
        async with asyncio.timeout(10):
            while len(taken) < 3:
                await asyncio.sleep(0)
                counts.append(len(taken))
        assert {1, 2, 3} <= set(counts)
        assert not any(peer.getblocking() for peer in taken)

    assert run(listening, 3, use) == []


def test_where_no_descriptors_are_left_it_looks_again_after_a_pause_and_says_so_once_in_ten_seconds(
    listening: Refusing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acceptor, "PAUSE_SECONDS", 0.01)
    listening.errors = [errno.EMFILE] * 4

    async def use(_: Acceptor, taken: list[socket.socket]) -> None:
        await until(lambda: len(taken) == 2)

    (line,) = run(listening, 2, use)
    assert line["to"] == "the test"
    assert line["reason"] == "Too many open files"
    assert "ulimit -n" in line["advice"]
    assert listening.attempts == 4 + 2


def test_each_ten_seconds_it_is_said_again(listening: Refusing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acceptor, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(acceptor, "LINE_SECONDS", 0.0)
    listening.errors = [errno.EMFILE] * 3

    async def use(_: Acceptor, taken: list[socket.socket]) -> None:
        await until(lambda: len(taken) == 1)

    assert len(run(listening, 1, use)) == 3


def test_one_that_has_gone_before_it_was_taken_is_nothing_to_speak_of(listening: Refusing) -> None:
    listening.errors = [errno.ECONNABORTED]

    async def use(_: Acceptor, taken: list[socket.socket]) -> None:
        await until(lambda: len(taken) == 1)

    assert run(listening, 1, use) == []


def test_after_its_end_it_takes_none_though_it_was_about_to_look_again(
    listening: Refusing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acceptor, "PAUSE_SECONDS", 0.01)
    listening.errors = [errno.EMFILE]

    async def use(taking: Acceptor, taken: list[socket.socket]) -> None:
        await until(lambda: listening.attempts == 1)
        taking.stop()
        await asyncio.sleep(0.05)
        assert taken == []

    run(listening, 1, use)
    assert listening.attempts == 1
