"""What is live at a broker."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from headrace.cli import live_list
from headrace.cli.live_list import LOOK_SECONDS, ListError, list_lines, list_table, live_channels
from headrace.client.broker_address import BrokerAddress
from headrace.service.broker import Broker, BrokerConfig
from headrace.service.control_service import CONTROL_AUTO
from headrace.web.http_config import HttpConfig


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


def channel(channel_id: str, **facts: Any) -> dict[str, Any]:
    return {"id": channel_id, "title": None, "state": "live", "live_seconds": 5.0, "viewers": 0, **facts}


def test_the_page_and_the_control_socket_say_the_same() -> None:
    async def run() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        config = BrokerConfig("127.0.0.1", 0, control=CONTROL_AUTO, http=HttpConfig("127.0.0.1", 0))
        async with Broker(config) as broker:
            await broker.loop.call(lambda: broker.endpoint.hub.open_channel("A"))
            address, url = BrokerAddress("127.0.0.1", broker.port), f"http://127.0.0.1:{broker.http_port}/"
            return (
                await asyncio.to_thread(live_channels, address, url),
                await asyncio.to_thread(live_channels, address),
            )

    by_page, by_socket = asyncio.run(run())
    assert by_page == by_socket
    assert [one["id"] for one in by_page] == ["A"]


def test_a_broker_of_another_machine_is_asked_at_its_page_though_one_runs_here_on_the_same_port() -> None:
    async def run() -> None:
        async with Broker(BrokerConfig("127.0.0.1", 0, control=CONTROL_AUTO)) as broker:
            assert await asyncio.to_thread(live_channels, BrokerAddress("localhost", broker.port)) == []
            with pytest.raises(ListError, match=r"no broker answers at http://studio\.invalid:8080/"):
                await asyncio.to_thread(live_channels, BrokerAddress("studio.invalid", broker.port))

    asyncio.run(run())


def test_who_asks_first_waits_until_the_broker_has_looked_at_what_is_live(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [[channel("A", video=None)], [channel("A", video={"codec": "H.264"}, title="Bridge")]]
    waits: list[float] = []
    monkeypatch.setattr(live_list, "_ask", lambda *_: answers.pop(0))
    monkeypatch.setattr("time.sleep", waits.append)
    assert live_channels(BrokerAddress("127.0.0.1", 1))[0]["title"] == "Bridge"
    assert waits == [LOOK_SECONDS]


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "file:///etc/passwd", "nonsense", "http://[::1"])
def test_where_nobody_answers_it_says_what_to_give(url: str) -> None:
    with pytest.raises(ListError, match="page"):
        live_channels(BrokerAddress("127.0.0.1", 1), url)


def test_a_line_has_what_there_is_to_say_and_moves_no_cursor() -> None:
    lines = list_lines(
        [channel("A", title="a\x1b[2Jb", viewers=2), channel("B", state="waiting", live_seconds=None)]
    )
    assert lines == ["A  live 5s  2 viewers  a?[2Jb", "B  waiting  0 viewers"]
    assert list_lines([]) == ["nothing is live"]


def test_a_table_has_a_row_for_each_channel() -> None:
    assert list_table([channel("A"), channel("B")]).row_count == 2
