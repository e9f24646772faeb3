"""What a broker's process without HTTP answers: SRT on its UDP port, its own user on a Unix socket, and no more.

With ``--http off`` there is neither an HTTP server nor DTLS. What other servers were broken by there is held by
their absence: a browser that stores a password for a broker's origin (CORS) has nowhere to send it, and a DTLS
ClientHello gets no answer. What holds with HTTP is in ``test_cross_origin.py``.

Source: mediamtx #5975 (CORS with stored credentials), CVE-2023-51443 (DTLS before ICE has proved an address).
"""

import asyncio
import os
import socket
import sys
from pathlib import Path

import pytest
from tests.support.broker_world import World
from tests.support.processes import BrokerProgram
from tests.support.srt_datagrams import SOCKET_ID, THERE, control, kind_of

from headrace.service.broker import Broker, BrokerConfig
from headrace.srt.caller import CallerOptions, induction_request
from headrace.srt.handshake import encode_handshake
from headrace.srt.packet import ControlType

CLIENT_HELLO = bytes.fromhex(
    "16fefd0000000000000000003a0100002e000000000000002efefd"
    + "00" * 32
    + "0000000200000100"  # no session, no cookie, TLS_NULL_WITH_NULL_NULL, no compression
)


def sockets_of(pid: int) -> set[str]:
    """Return the inodes of a process's sockets."""
    folder, found = Path(f"/proc/{pid}/fd"), set()
    for name in os.listdir(folder):
        try:
            target = os.readlink(folder / name)
        except OSError:  # closed meanwhile
            continue
        if target.startswith("socket:["):
            found.add(target[8:-1])
    return found


def tcp_listeners(pid: int) -> list[str]:
    """Return the lines of the kernel's tables of TCP sockets that are this process's and listen."""
    mine, listeners = sockets_of(pid), []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[9] in mine and fields[3] == "0A":
                listeners.append(line)
    return listeners


needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells in /proc who listens")


@needs_proc
def test_listeners_are_found_where_there_are_some() -> None:
    with socket.create_server(("127.0.0.1", 0)):
        assert len(tcp_listeners(os.getpid())) >= 1


@needs_proc
def test_a_broker_process_without_http_listens_on_no_tcp_port_so_no_browser_can_talk_to_it(tmp_path: Path) -> None:
    with BrokerProgram(tmp_path) as broker:
        assert sockets_of(broker.process.pid)
        assert tcp_listeners(broker.process.pid) == []


def test_a_dtls_hello_gets_no_answer_from_a_broker_and_leaves_nothing_behind() -> None:
    world = World()
    world.join("publish:A")
    before = len(world.endpoint.hub.channels), world.endpoint.table.count
    for hello in (CLIENT_HELLO, CLIENT_HELLO[:16], CLIENT_HELLO[:12], CLIENT_HELLO + bytes(1_400)):
        assert world.inject(hello, THERE) == []
    assert (len(world.endpoint.hub.channels), world.endpoint.table.count) == before


def test_a_dtls_hello_gets_no_answer_on_the_wire_either() -> None:
    induction = induction_request(CallerOptions(), SOCKET_ID, 1)
    call = control(ControlType.HANDSHAKE, encode_handshake(induction, response=False), to=0)

    async def run() -> None:
        async with Broker(BrokerConfig("127.0.0.1", 0)) as broker:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
                caller.settimeout(10)
                for datagram in (CLIENT_HELLO, call):
                    caller.sendto(datagram, ("127.0.0.1", broker.port))
                answer = await asyncio.to_thread(caller.recv, 2048)
                assert kind_of(answer) == ControlType.HANDSHAKE
                caller.settimeout(0.3)
                with pytest.raises(TimeoutError):
                    await asyncio.to_thread(caller.recv, 2048)

    asyncio.run(run())
