"""How a broker ends: everybody is told, and at once."""

import asyncio
import signal
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from tests.support.long_runs import only_long
from tests.support.processes import BrokerProgram, Program

from headrace import srt_connect
from headrace.client.srt_socket import SrtSocket

SUBSCRIBERS = 100
END_SECONDS = 4
"""Of a busy machine, with the end of Python. To wait for a peer is to wait for its timeout, 5 s."""

TELLING = """
import atexit, gc
from headrace.__main__ import main
atexit.register(lambda: print(len(gc.get_objects())))
main()
"""
"""The command, which tells at its end how many objects Python is about to look through for garbage."""
MAX_OBJECTS = 20_000
"""Far fewer than are loaded for HTTP, almost 80,000, which take 0.3 s."""


async def reason_of_end(peer: SrtSocket) -> str | None:
    async with asyncio.timeout(10):
        while peer.close_reason is None:
            await asyncio.sleep(0.01)
    return peer.close_reason


@pytest.mark.parametrize("number", [signal.SIGTERM, only_long(signal.SIGINT)])
def test_a_broker_that_is_stopped_says_goodbye_to_every_peer_and_ends_without_waiting_for_them(
    number: signal.Signals, tmp_path: Path
) -> None:
    async def main(broker: BrokerProgram) -> None:
        async with AsyncExitStack() as stack:
            peers = [
                await stack.enter_async_context(await srt_connect("127.0.0.1", broker.port, stream_id=stream_id))
                for stream_id in ["publish:A", *["A"] * SUBSCRIBERS]
            ]
            for _ in range(50):
                await peers[0].send(bytes(1316))
                await asyncio.sleep(0.002)
            stopped = time.monotonic()
            broker.process.send_signal(number)
            await asyncio.to_thread(broker.process.wait, 10)
            assert time.monotonic() - stopped < END_SECONDS
            assert set(await asyncio.gather(*map(reason_of_end, peers))) == {"peer_shutdown"}

    with BrokerProgram(tmp_path) as broker:
        asyncio.run(main(broker))
        assert "stopped" in broker.log


def test_a_broker_that_has_said_stopped_does_not_take_apart_what_was_loaded_for_http(tmp_path: Path) -> None:
    options = ("--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--webrtc-port", "0", "--control", "off")
    command = [sys.executable, "-c", TELLING, "serve", *options, "--open", "--state", "off"]
    with Program(command, tmp_path, "broker") as broker:
        broker.wait_for("address=http://")
        broker.process.terminate()
        assert broker.wait() == 0
        assert "stopped" in broker.log
        assert int(broker.output.read_text()) < MAX_OBJECTS
