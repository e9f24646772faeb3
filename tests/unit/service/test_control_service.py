"""A running broker that can be asked, or cannot."""

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from headrace.service.broker import Broker, BrokerConfig
from headrace.service.broker_status import BrokerStatus
from headrace.service.control_path import control_path
from headrace.service.control_service import CONTROL_AUTO

LOOPBACK = "127.0.0.1"


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


async def ask(path: Path) -> dict[str, object]:
    reader, writer = await asyncio.open_unix_connection(path, limit=1 << 20)
    writer.write(b'{"want":"status"}\n')
    read: dict[str, object] = json.loads(await asyncio.wait_for(reader.readline(), 10))
    writer.close()
    return read


def test_a_broker_is_asked_under_its_port_until_it_ends() -> None:
    async def run() -> None:
        async with Broker(BrokerConfig(LOOPBACK, 0, control=CONTROL_AUTO)) as broker:
            path = control_path(broker.port)
            assert (await ask(path))["version"] == 1
        assert not path.exists()

    asyncio.run(run())


def test_it_may_be_elsewhere(tmp_path: Path) -> None:
    async def run() -> None:
        async with Broker(BrokerConfig(LOOPBACK, 0, control=str(tmp_path / "here"))):
            assert (await ask(tmp_path / "here"))["version"] == 1

    asyncio.run(run())


def test_it_may_be_off(tmp_path: Path) -> None:
    async def run() -> None:
        async with Broker(BrokerConfig(LOOPBACK, 0)):
            assert list(tmp_path.iterdir()) == []

    asyncio.run(run())


def test_a_broker_without_a_socket_goes_on_and_says_so(tmp_path: Path) -> None:
    async def run() -> None:
        async with Broker(BrokerConfig(LOOPBACK, 0, control=str(tmp_path / "no" / "folder"))) as broker:
            assert broker.port > 0

    with structlog.testing.capture_logs() as lines:
        asyncio.run(run())
    (line,) = [line for line in lines if line["log_level"] == "warning"]
    assert line["event"] == "no control socket: headrace status cannot ask"
    assert line["reason"] == "No such file or directory"


def test_a_bug_in_the_statistics_is_logged_and_the_broker_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    async def run() -> None:
        monkeypatch.setattr(BrokerStatus, "observe", fail)
        async with Broker(BrokerConfig(LOOPBACK, 0, control=CONTROL_AUTO)) as broker:
            async with asyncio.timeout(10):
                while not any(line["log_level"] == "error" for line in lines):
                    await asyncio.sleep(0.01)
            assert (await ask(control_path(broker.port)))["version"] == 1

    with structlog.testing.capture_logs() as lines:
        asyncio.run(run())


def test_each_piece_of_an_answer_is_made_in_the_media_loop_between_two_turns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[tuple[str, int]] = []

    async def run() -> None:
        async with Broker(BrokerConfig(LOOPBACK, 0, control=CONTROL_AUTO)) as broker:
            turns = 0

            def count(*_: object) -> None:
                nonlocal turns
                turns += 1

            def answer(*_: object) -> Iterator[str]:
                for _piece in range(5):
                    made.append((threading.current_thread().name, turns))
                    yield '{"pieces":[' if len(made) == 1 else "]}" if len(made) == 5 else ""

            monkeypatch.setattr(broker.endpoint, "poll_timer", count)
            monkeypatch.setattr(BrokerStatus, "answer", answer)
            assert await ask(control_path(broker.port)) == {"pieces": []}

    asyncio.run(run())
    assert {thread for thread, _ in made} == {"media"}
    assert len({turn for _, turn in made}) == 5
