"""One socket and many machines, with machines that only write down what they get."""

import contextlib
from collections.abc import AsyncIterator

from tests.support.loops import run, until
from tests.support.srt_datagrams import control, data

from headrace.base.datagram_batch import DatagramBatch
from headrace.client.srt_port import HandshakeHandler, SrtPort
from headrace.netio.clock import now_us
from headrace.netio.udp_socket import UdpSocket
from headrace.srt.packet import Header

HANDSHAKE, KEEPALIVE = 0, 1


class Machine:
    """Says once what it is given in ``says``; is over when ``due_us`` is None."""

    def __init__(self) -> None:
        self.datagrams: list[bytes] = []
        self.timers_us: list[int] = []
        self.says: list[bytes] = []
        self.due_us: int | None = now_us() + 3_600_000_000

    def handle_datagram(self, datagram: bytes, now_us: int) -> None:
        self.datagrams.append(datagram)

    def handle_timer(self, now_us: int) -> None:
        self.timers_us.append(now_us)
        self.due_us = None

    def poll_timer(self) -> int | None:
        return self.due_us

    def poll_datagrams(self) -> list[bytes]:
        says, self.says = self.says, []
        return says


@contextlib.asynccontextmanager
async def port_and_peer(handler: HandshakeHandler | None = None) -> AsyncIterator[tuple[SrtPort, UdpSocket]]:
    with UdpSocket.bind("127.0.0.1", 0) as peer:
        port = SrtPort(UdpSocket.bind("127.0.0.1", 0), handler)
        try:
            yield port, peer
        finally:
            port.close()


def send(peer: UdpSocket, port: SrtPort, *datagrams: bytes) -> None:
    batch = DatagramBatch(len(datagrams))
    for datagram in datagrams:
        batch.append(datagram, port.socket.local_address)
    assert peer.send_batch(batch) == len(datagrams)


def received(peer: UdpSocket) -> list[bytes]:
    batch = DatagramBatch(16)
    peer.receive_batch(batch)
    return [batch.datagram(row) for row in range(batch.count)]


def test_a_machine_gets_what_is_addressed_to_it_and_its_answers_leave() -> None:
    async def main() -> None:
        async with port_and_peer() as (port, peer):
            one, two = Machine(), Machine()
            port.attach(1, one, peer.local_address)
            port.attach(2, two, peer.local_address)
            one.says = [b"answer"]
            send(peer, port, data(5, to=1), data(6, to=2), data(7, to=1))
            await until(lambda: len(one.datagrams) == 2)
            assert one.datagrams == [data(5, to=1), data(7, to=1)]
            assert two.datagrams == [data(6, to=2)]
            assert received(peer) == [b"answer"]
            assert len(port) == 2

    run(main)


def test_what_no_machine_can_take_is_counted_by_reason() -> None:
    async def main() -> None:
        async with port_and_peer() as (port, peer):
            port.attach(1, Machine(), port.socket.local_address)
            send(peer, port, b"short", data(1, to=9), data(1, to=1), control(HANDSHAKE, to=0))
            await until(lambda: port.ignored_packets.total() == 4)
            assert dict(port.ignored_packets) == {
                "short_header": 1,
                "unknown_connection": 1,
                "foreign_address": 1,
                "no_destination": 1,
            }

    run(main)


def test_only_handshakes_reach_the_handshake_handler() -> None:
    seen: list[bytes] = []

    def answer(header: Header, body: bytes, address: bytes, now_us: int) -> bytes | None:
        seen.append(body)
        return b"welcome" if body == b"hello" else None

    async def main() -> None:
        async with port_and_peer(answer) as (port, peer):
            send(peer, port, data(1, b"fake", to=0), control(KEEPALIVE, b"fake", to=0))
            send(peer, port, control(HANDSHAKE, b"hello", to=0), control(HANDSHAKE, b"hm", to=0))
            await until(lambda: len(seen) == 2)
            assert seen == [b"hello", b"hm"]
            assert received(peer) == [b"welcome"]
            assert port.ignored_packets == {"no_destination": 2}

    run(main)


def test_a_machine_whose_timer_says_so_is_forgotten() -> None:
    async def main() -> None:
        async with port_and_peer() as (port, peer):
            machine = Machine()
            machine.due_us = due_us = now_us() + 5_000
            port.attach(1, machine, peer.local_address)
            port.settle(1)
            assert 1 in port
            await until(lambda: bool(machine.timers_us))
            assert machine.timers_us[0] >= due_us
            assert 1 not in port
            send(peer, port, data(1, to=1))
            await until(lambda: port.ignored_packets["unknown_connection"] == 1)

    run(main)


def test_settling_sends_what_a_machine_has_to_say() -> None:
    async def main() -> None:
        async with port_and_peer() as (port, peer):
            machine = Machine()
            machine.says = [b"a", b"b"]
            port.attach(1, machine, peer.local_address)
            port.settle(1)
            port.settle(7)
            assert received(peer) == [b"a", b"b"]

    run(main)


def test_a_closed_port_sends_nothing_through_a_descriptor_that_may_be_anothers_by_now() -> None:
    async def main() -> None:
        async with port_and_peer() as (port, peer):
            machine = Machine()
            port.attach(1, machine, peer.local_address)
            port.close()
            port.close()
            with UdpSocket.bind("127.0.0.1", 0):
                machine.says = [b"stray"]
                port.settle(1)
                assert machine.says == [b"stray"]
                assert received(peer) == []

    run(main)
