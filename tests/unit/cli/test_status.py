"""``headrace status``, without a process of its own."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog

from headrace.cli.hostport import AddressError
from headrace.cli.status import StatusError, status
from headrace.service.broker import Broker, BrokerConfig
from headrace.service.control_client import NoBrokerError
from headrace.service.control_service import CONTROL_AUTO


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


def with_broker(use: Callable[[int], None]) -> None:
    async def run() -> None:
        async with Broker(BrokerConfig("127.0.0.1", 0, control=CONTROL_AUTO)) as broker:
            await asyncio.to_thread(use, broker.port)

    with structlog.testing.capture_logs():
        asyncio.run(run())


def test_the_port_is_that_of_the_option_or_of_listen_or_8890(capsys: pytest.CaptureFixture[str]) -> None:
    def use(port: int) -> None:
        status(port=port)
        status(listen=f":{port}", as_json=True)
        with pytest.raises(NoBrokerError, match="on port 8890"):
            status()

    with_broker(use)
    first, *_, last = capsys.readouterr().out.splitlines()
    assert first.startswith("headrace 0.1.0 on 127.0.0.1:")
    assert json.loads(last)["version"] == 1


def test_watching_goes_on_until_it_is_interrupted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = []

    def interrupt(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("headrace.cli.status.time.sleep", interrupt)
    with_broker(lambda port: status(port=port, as_json=True, watch=True, interval_seconds=0.5))
    assert waits == [0.5] * 3
    assert [json.loads(line)["version"] for line in capsys.readouterr().out.splitlines()] == [1, 1, 1]


def test_a_channel_that_is_not_there_is_an_error() -> None:
    def use(port: int) -> None:
        with pytest.raises(StatusError, match="no channel X at the broker: 'headrace status' shows"):
            status(port=port, channel="X")

    with_broker(use)


def test_a_channel_that_is_not_there_now_is_watched_until_it_comes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("headrace.cli.status.time.sleep", interrupt)
    with_broker(lambda port: status(port=port, channel="X", watch=True))
    assert "no channel X now: nobody produces or subscribes" in capsys.readouterr().out


def test_a_socket_that_is_off_is_an_error_that_says_so() -> None:
    with pytest.raises(StatusError, match="CONTROL is off"):
        status(control="off")


def test_a_wrong_address_in_listen_is_an_error() -> None:
    with pytest.raises(AddressError):
        status(listen="host:many")
