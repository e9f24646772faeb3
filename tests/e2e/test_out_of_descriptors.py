"""A broker that may open no further file: it says so, streams go on, and it is itself again when some are free."""

import asyncio
import re
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from tests.support.headrace_commands import run_headrace
from tests.support.processes import BrokerProgram, wait_until

from headrace import srt_connect
from headrace.netio.acceptor import LINE_SECONDS

resource = pytest.importorskip("resource")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets another process be limited")

SPARE = 2
CALLERS = 30
SHORT_SECONDS = 1.0
"""Of shortage, in which asyncio's own servers log thousands of tracebacks."""


def limits_of(broker: BrokerProgram) -> tuple[int, int]:
    soft, hard = resource.prlimit(broker.process.pid, resource.RLIMIT_NOFILE)
    return soft, hard


def http_address(broker: BrokerProgram) -> tuple[str, int]:
    broker.wait_for("address=http://")
    found = re.search(r"address=http://([\d.]+):(\d+)", broker.log)
    assert found is not None
    return found[1], int(found[2])


@contextmanager
def without_descriptors(broker: BrokerProgram) -> Iterator[None]:
    """Leave it `SPARE` descriptors, which idle connections take, and let more of those wait."""
    soft, hard = limits_of(broker)
    highest = max(int(path.name) for path in Path(f"/proc/{broker.process.pid}/fd").iterdir())
    resource.prlimit(broker.process.pid, resource.RLIMIT_NOFILE, (highest + 1 + SPARE, hard))
    address = http_address(broker)
    with ExitStack() as stack:
        for _ in range(CALLERS):
            stack.enter_context(socket.create_connection(address))
        yield
    resource.prlimit(broker.process.pid, resource.RLIMIT_NOFILE, (soft, hard))


async def stream_through(port: int, broker: BrokerProgram, seconds: float) -> tuple[list[bytes], list[bytes]]:
    """Return what a producer sends while descriptors are short, and what its subscriber gets of that."""
    sent = [number.to_bytes(4) * 329 for number in range(round(100 * seconds))]
    async with (
        await srt_connect("127.0.0.1", port, stream_id="publish:A") as producer,
        await srt_connect("127.0.0.1", port, stream_id="A") as subscriber,
    ):
        await producer.send(b"first" * 188)
        await subscriber.receive()
        with without_descriptors(broker):
            for payload in sent:
                await producer.send(payload)
                await asyncio.sleep(0.01)
            async with asyncio.timeout(20):
                return sent, [await subscriber.receive() for _ in sent]


def test_a_broker_may_open_as_many_files_as_the_system_allows_it(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        with BrokerProgram(tmp_path) as broker:
            assert limits_of(broker) == (min(hard, 65_536), hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_without_descriptors_streams_go_on_one_line_says_so_and_the_broker_answers_when_some_are_free(
    tmp_path: Path,
) -> None:
    control = tmp_path / "control"
    options = ("--http", "127.0.0.1:0", "--webrtc-port", "0", "--control", str(control))
    with BrokerProgram(tmp_path, options=options) as broker:
        http_address(broker)
        began_seconds = time.monotonic()
        sent, received = asyncio.run(stream_through(broker.port, broker, SHORT_SECONDS))
        assert received == sent
        assert broker.log.count("Traceback") == 0
        wait_until(lambda: "connections cannot be taken" in broker.log, lambda: broker.log)
        most = 1 + (time.monotonic() - began_seconds) // LINE_SECONDS
        assert broker.log.count("connections cannot be taken") <= most
        assert "ulimit -n" in broker.log
        status = run_headrace("status", "--control", str(control), "--json", folder=tmp_path)
        assert status.returncode == 0, status.stderr
        assert '"channels"' in status.stdout
