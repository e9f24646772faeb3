"""Sockets of their own for the peers that are named."""

import asyncio
import errno
from collections.abc import Callable

import pytest

from headrace.base.datagram_batch import DatagramBatch
from headrace.netio.capabilities import PORTABLE, Capabilities, probe_capabilities
from headrace.netio.peer_lines import PeerLines
from headrace.netio.pump import Pump
from headrace.netio.udp_socket import UdpSocket


class Recorder:
    """A machine that keeps what it is given."""

    def __init__(self) -> None:
        self.datagrams: list[bytes] = []

    def handle_batch(self, batch: DatagramBatch, now_us: int) -> None:
        self.datagrams += [batch.datagram(row) for row in range(batch.count)]

    def handle_timer(self, now_us: int) -> None:
        raise AssertionError("it has no timer")

    def poll_timer(self) -> int | None:
        return None


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


def send(peer: UdpSocket, to: UdpSocket, text: bytes) -> None:
    batch = DatagramBatch(1)
    batch.append(text, to.local_address)
    assert peer.send_batch(batch) == 1


@pytest.mark.parametrize("capabilities", [probe_capabilities(), PORTABLE], ids=["machine", "portable"])
def test_a_peer_is_heard_with_a_line_and_without_one_and_after_it(capabilities: Capabilities) -> None:
    async def scenario() -> None:
        machine = Recorder()
        with (
            UdpSocket.bind("127.0.0.1", 0, capabilities=capabilities) as shared,
            UdpSocket.bind("127.0.0.1", 0) as peer,
        ):
            pump = Pump(shared, machine)
            pump.start()
            lines = PeerLines(shared, pump)
            send(peer, shared, b"before")
            await until(lambda: machine.datagrams == [b"before"])
            lines.open(peer.local_address)
            lines.open(peer.local_address)
            assert len(lines) == (1 if capabilities.peer_sockets else 0)
            send(peer, shared, b"through the line")
            await until(lambda: len(machine.datagrams) == 2)
            lines.close(peer.local_address)
            lines.close(peer.local_address)
            send(peer, shared, b"after")
            await until(lambda: len(machine.datagrams) == 3)
            lines.open(peer.local_address)
            lines.close_all()
            assert len(lines) == 0
            pump.stop()
            assert machine.datagrams == [b"before", b"through the line", b"after"]

    asyncio.run(scenario())


def test_without_descriptors_the_common_socket_serves_the_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(UdpSocket, "open_peer_socket", refuse)

    async def scenario() -> None:
        machine = Recorder()
        with UdpSocket.bind("127.0.0.1", 0) as shared, UdpSocket.bind("127.0.0.1", 0) as peer:
            pump = Pump(shared, machine)
            pump.start()
            lines = PeerLines(shared, pump)
            lines.open(peer.local_address)
            assert len(lines) == 0
            send(peer, shared, b"still here")
            await until(lambda: machine.datagrams == [b"still here"])
            pump.stop()

    asyncio.run(scenario())


def test_a_line_is_read_at_once_while_the_common_socket_gathers() -> None:
    async def scenario() -> None:
        machine = Recorder()
        with UdpSocket.bind("127.0.0.1", 0) as shared, UdpSocket.bind("127.0.0.1", 0) as peer:
            if not shared.capabilities.peer_sockets:
                pytest.skip("this system cannot separate peers")
            pump = Pump(shared, machine, coalesce_us=60_000_000)
            pump.start()
            send(peer, shared, b"begins the gathering")
            await until(lambda: len(machine.datagrams) == 1)
            lines = PeerLines(shared, pump)
            lines.open(peer.local_address)
            send(peer, shared, b"at once")
            await until(lambda: len(machine.datagrams) == 2)
            lines.close_all()
            pump.stop()

    asyncio.run(scenario())
