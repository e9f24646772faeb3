"""What comes through the control socket: lines of JSON, or what takes their place, in pieces of any size."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Final

import structlog
from tests.fuzz.target import Target
from tests.fuzz.wrong import make_wrong
from tests.support.broker_world import World

from headrace.netio.capabilities import PORTABLE
from headrace.netio.udp_socket import UdpSocket
from headrace.service.broker_status import BrokerStatus
from headrace.service.control_socket import MAX_REQUEST_BYTES, ControlSocket

_MOST_ANSWER_BYTES: Final = 4_000
_PARTS: Final = (
    b"\n",
    b'"',
    b"{",
    b"}",
    b"[",
    b"\\ud800",
    b"*",
    b"null",
    b"1e999",
    b"9" * 40,
    b"[" * 90,
    b"\xff",
    b"A",
)


def run(said: bytes) -> int:
    """Say it to a broker with a channel, and hang up."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("critical"))
    try:
        heard = asyncio.run(_ask(said))
    finally:
        structlog.reset_defaults()
    answers = heard.splitlines()
    lines = said[:-1].split(b"\n") if said.endswith(b"\n") else said.split(b"\n")[:-1]
    if all(len(line) < MAX_REQUEST_BYTES // 2 for line in said.split(b"\n")):
        assert len(answers) == len(lines) if said else not answers
    for answer in answers:
        assert isinstance(json.loads(answer), dict)
    assert len(heard) <= _MOST_ANSWER_BYTES * (1 + len(lines))
    return len(said) + len(heard)


async def _ask(said: bytes) -> bytes:
    world = World()
    world.endpoint.hub.open_channel("A")
    with UdpSocket.bind("127.0.0.1", 0, capabilities=PORTABLE) as udp:
        status = BrokerStatus(world.endpoint, udp)

        async def answer(request: dict[str, object]) -> AsyncIterator[str]:
            for piece in status.answer(request):
                yield piece

        control = ControlSocket(Path("nowhere"), answer)
        here, there = socket.socketpair()
        with here, there:
            here.setblocking(False)
            there.setblocking(False)
            serving = asyncio.create_task(control._serve(there))
            listening = asyncio.create_task(_hear(here))
            await asyncio.get_running_loop().sock_sendall(here, said)
            here.shutdown(socket.SHUT_WR)
            await serving
            there.shutdown(socket.SHUT_RDWR)
            return await listening


async def _hear(here: socket.socket) -> bytes:
    heard = b""
    while piece := await asyncio.get_running_loop().sock_recv(here, 65_536):
        heard += piece
    return heard


def seeds() -> list[bytes]:
    """Return requests that are understood, and some that are not."""
    return [
        b'{"want":"status"}\n',
        b'{"want":"status","subscribers_of":"A"}\n{"want":"status","subscribers_of":"*"}\n',
        b'{"want":"status","subscribers_of":null}\n{"want":"status","subscribers_of":["*"]}\n',
        b'{"want":"status","subscribers_of":"\\ud800"}\n',
        b'{"want":{"want":1e400}}\n[]\nnull\n\n"x"\n',
        b"[" * 900 + b"\n" + b"9" * 600 + b"\n",
        b'{"want":"status"}',
    ]


def wrong(said: bytes, random: Random) -> bytes:
    """Return the request with a piece too much, or a byte wrong."""
    if random.random() < 0.5:
        return make_wrong(said, random)
    at = random.randrange(len(said) + 1)
    return said[:at] + random.choice(_PARTS) + said[at + random.choice((0, 0, 1, 4)) :]


TARGET = Target(run, seeds, wrong, max_bytes=5_000, base_lines=4_000, lines_per_byte=20)
