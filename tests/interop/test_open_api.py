"""schemathesis reads the API's OpenAPI document, asks all that can be asked, and finds nothing that is not so."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.long_runs import only_long
from tests.support.web_client import ADMIN_TOKEN

from headrace.access.channel_rule import ChannelRule
from headrace.service.broker import Broker, BrokerConfig
from headrace.service.state_follower import StateChoice
from headrace.store.location import parse_location
from headrace.store.state_store import StateStore
from headrace.web import http_limits
from headrace.web.http_config import HttpConfig

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
pytestmark = [
    pytest.mark.interop,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not SCHEMATHESIS.exists(), reason="schemathesis is not installed"),
]


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run a broker, whose limits for a host are out of the way, in a thread."""
    monkeypatch.setattr(http_limits, "REQUESTS_PER_SECOND", 1_000_000)
    monkeypatch.setattr(http_limits, "REQUESTS_AT_ONCE", 1_000_000)
    state = str(tmp_path / "state")
    with StateStore(parse_location(state)) as store:
        store.channels.add(ChannelRule("1AAA99"))
    ports: list[int | None] = []
    is_up, may_end = threading.Event(), threading.Event()

    async def run() -> None:
        http = HttpConfig("127.0.0.1", 0, ADMIN_TOKEN)
        async with Broker(BrokerConfig("127.0.0.1", 0, http=http, state=StateChoice(state))) as broker:
            await broker.ready()
            ports.append(broker.http_port)
            is_up.set()
            await asyncio.to_thread(may_end.wait)

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    try:
        assert is_up.wait(60)
        yield f"http://127.0.0.1:{ports[0]}/api/v1"
    finally:
        may_end.set()
        thread.join()


@pytest.mark.parametrize("examples", [3, only_long(15)])
def test_nothing_is_found_in_what_the_api_answers(examples: int, url: str, tmp_path: Path) -> None:
    command = [
        str(SCHEMATHESIS), "run", f"{url}/openapi.json", "--header", f"Authorization: Bearer {ADMIN_TOKEN}",
        "--checks", "all", "--max-examples", str(examples), "--seed", "6", "--generation-database", "none",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=570, check=False)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
