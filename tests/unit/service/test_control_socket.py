"""A line in, a line out, over a Unix domain socket."""

import asyncio
import errno
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from headrace.netio import acceptor
from headrace.service import control_socket
from headrace.service.control_socket import ControlSocket


async def answer(request: dict[str, object]) -> AsyncIterator[str]:
    for piece in ('{"got":', json.dumps(request), "}"):
        yield piece


async def ask(path: Path, *lines: bytes) -> list[bytes]:
    reader, writer = await asyncio.open_unix_connection(path)
    answers = []
    for line in lines:
        writer.write(line)
        answers.append(await asyncio.wait_for(reader.readline(), 10))
    writer.close()
    return answers


def run(path: Path, use: Callable[[ControlSocket], Awaitable[None]]) -> None:
    async def scenario() -> None:
        control = ControlSocket(path, answer)
        await control.start()
        try:
            await use(control)
        finally:
            await control.stop()

    asyncio.run(scenario())


def test_requests_are_answered_one_after_another(tmp_path: Path) -> None:
    async def use(_: ControlSocket) -> None:
        assert await ask(tmp_path / "s", b'{"a":1}\n', b'{"b":2}\n') == [
            b'{"got":{"a": 1}}\n',
            b'{"got":{"b": 2}}\n',
        ]

    run(tmp_path / "s", use)


def test_only_its_user_can_connect_and_it_is_removed_at_the_end(tmp_path: Path) -> None:
    async def use(control: ControlSocket) -> None:
        assert (tmp_path / "s").stat().st_mode & 0o777 == 0o600
        await control.stop()
        assert not (tmp_path / "s").exists()

    run(tmp_path / "s", use)


def test_what_is_no_request_is_told_so_and_the_next_one_is_answered(tmp_path: Path) -> None:
    async def use(_: ControlSocket) -> None:
        first, second, third = await ask(tmp_path / "s", b"hello\n", b"[]\n", b"{}\n")
        assert b"error" in first
        assert b"error" in second
        assert third == b'{"got":{}}\n'

    run(tmp_path / "s", use)


def test_a_request_without_end_closes_the_connection(tmp_path: Path) -> None:
    async def use(_: ControlSocket) -> None:
        reader, writer = await asyncio.open_unix_connection(tmp_path / "s")
        writer.write(b"x" * (4 * control_socket.MAX_REQUEST_BYTES))
        with suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()

    run(tmp_path / "s", use)


def test_one_more_connection_than_the_limit_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_socket, "MAX_CONNECTIONS", 1)

    async def use(_: ControlSocket) -> None:
        reader, writer = await asyncio.open_unix_connection(tmp_path / "s")
        writer.write(b"{}\n")
        assert await reader.readline() == b'{"got":{}}\n'
        late_reader, late_writer = await asyncio.open_unix_connection(tmp_path / "s")
        assert await asyncio.wait_for(late_reader.read(), 10) == b""
        late_writer.close()
        writer.close()

    run(tmp_path / "s", use)


def test_ending_does_not_wait_for_who_is_connected(tmp_path: Path) -> None:
    async def use(control: ControlSocket) -> None:
        reader, writer = await asyncio.open_unix_connection(tmp_path / "s")
        writer.write(b"{}\n")
        await reader.readline()
        await asyncio.wait_for(control.stop(), 10)
        assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()

    run(tmp_path / "s", use)


def test_what_a_dead_broker_left_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "s"))

    async def use(_: ControlSocket) -> None:
        assert await ask(tmp_path / "s", b"{}\n") == [b'{"got":{}}\n']

    run(tmp_path / "s", use)


def test_a_living_broker_is_left_alone(tmp_path: Path) -> None:
    async def use(_: ControlSocket) -> None:
        with pytest.raises(OSError, match="another broker answers there"):
            await ControlSocket(tmp_path / "s", answer).start()
        assert await ask(tmp_path / "s", b"{}\n") == [b'{"got":{}}\n']

    run(tmp_path / "s", use)


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("somebody's")
    with pytest.raises(OSError, match="no socket"):
        run(tmp_path / "s", lambda _: asyncio.sleep(0))
    assert (tmp_path / "s").read_text() == "somebody's"


def test_a_path_that_is_too_long_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="too long"):
        run(tmp_path / ("s" * 200), lambda _: asyncio.sleep(0))


def test_where_no_descriptor_is_left_a_connection_is_taken_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acceptor, "PAUSE_SECONDS", 0.01)
    refusals = []

    def refuse(_: socket.socket) -> None:
        refusals.append(1)
        if len(refusals) == 2:
            monkeypatch.undo()
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(socket.socket, "accept", refuse)

    async def use(_: ControlSocket) -> None:
        assert await ask(tmp_path / "s", b"{}\n") == [b'{"got":{}}\n']

    run(tmp_path / "s", use)
    assert len(refusals) == 2
