"""Asking a broker from another process, here another thread."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from headrace.service.broker import Broker, BrokerConfig
from headrace.service.control_client import ControlClient, NoBrokerError
from headrace.service.control_path import control_path, make_control_folder
from headrace.service.control_service import CONTROL_AUTO
from headrace.service.control_socket import ControlSocket


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


def test_a_broker_is_found_by_its_port_and_asked_again_and_again() -> None:
    def ask(port: int) -> list[float]:
        with ControlClient(port) as client:
            return [client.status()["broker"]["uptime_seconds"] for _ in range(3)]

    async def run() -> None:
        async with Broker(BrokerConfig("127.0.0.1", 0, control=CONTROL_AUTO)) as broker:
            first, *_, last = await asyncio.to_thread(ask, broker.port)
            assert first <= last
            with pytest.raises(NoBrokerError, match=f"there is one on port {broker.port}"):
                await asyncio.to_thread(ask, broker.port % 65535 + 1)

    asyncio.run(run())


def test_a_broker_that_knows_no_such_question_is_older(tmp_path: Path) -> None:
    async def say_no(request: dict[str, object]) -> AsyncIterator[str]:
        yield '{"error": "what can be wanted is: status"}'

    async def run() -> None:
        control = ControlSocket(tmp_path / "x", say_no)
        await control.start()
        try:
            await asyncio.to_thread(ask)
        finally:
            await control.stop()

    def ask() -> None:
        with ControlClient(1, tmp_path / "x") as client:
            client.channels()

    with pytest.raises(NoBrokerError, match="older version"):
        asyncio.run(run())


def test_without_a_broker_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NoBrokerError) as raised:
        ControlClient(8890)
    assert str(raised.value) == (
        "no broker of yours runs on port 8890: start one with 'headrace serve', "
        "or name another with --port PORT or --control PATH"
    )
    with pytest.raises(NoBrokerError, match=f"no broker of yours runs at {tmp_path}/x: start"):
        ControlClient(8890, tmp_path / "x")


def test_several_other_brokers_are_all_named() -> None:
    make_control_folder()
    with socket.socket(socket.AF_UNIX) as one, socket.socket(socket.AF_UNIX) as other:
        for port, listener in ((7, one), (12, other)):
            listener.bind(str(control_path(port)))
            listener.listen()
        with pytest.raises(NoBrokerError, match=r"on port 8 \(there are some on ports 7, 12\): start"):
            ControlClient(8)


def test_what_a_dead_broker_left_is_no_broker() -> None:
    make_control_folder()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(control_path(7)))
    for port in (7, 8):
        with pytest.raises(NoBrokerError, match=f"runs on port {port}: start"):
            ControlClient(port)


def test_a_socket_of_another_user_is_told_from_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    with pytest.raises(NoBrokerError, match="another user: run headrace status as the user that runs the broker"):
        ControlClient(8890)


def test_a_broker_that_ends_meanwhile_is_said_to_have_ended(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()

        def end_at_once() -> None:
            peer, _ = listener.accept()
            peer.recv(4096)
            peer.close()

        thread = threading.Thread(target=end_at_once)
        thread.start()
        with ControlClient(8890, tmp_path / "s") as client, pytest.raises(NoBrokerError, match="has ended"):
            client.status()
        thread.join(10)
