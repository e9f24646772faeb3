import socket
import sys
import time
from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest

from headrace.bench.loopback_port import MAX_PEERS, READ_BYTES, LoadError, LoopbackPort, Received

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the load needs Linux")


@pytest.fixture
def broker() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(5)
        udp.bind(("127.0.0.1", 0))
        yield udp


def receive(port: LoopbackPort) -> Received:
    give_up_at = time.monotonic() + 5
    while (received := port.receive()) is None:
        assert time.monotonic() < give_up_at
    return received


def send(port: LoopbackPort, *rows: tuple[int, bytes]) -> None:
    data = np.frombuffer(b"".join(datagram.ljust(40, b"\0") for _, datagram in rows), np.uint8).reshape(-1, 40)
    port.send(np.array([number for number, _ in rows]), data, np.array([len(datagram) for _, datagram in rows]))


def test_each_peer_sends_from_an_address_of_its_own(broker: socket.socket) -> None:
    with closing(LoopbackPort(broker.getsockname()[1], 300)) as port:
        send(port, (0, b"first"), (299, b"last one"))
        for number, datagram in (0, b"first"), (299, b"last one"):
            assert broker.recvfrom(100) == (datagram, (str(port.first_address + number), port.number))
        assert port.receive() is None
        assert port.refused_datagrams == 0


def test_a_load_that_wants_whole_datagrams_gets_them(broker: socket.socket) -> None:
    with closing(LoopbackPort(broker.getsockname()[1], 3, tells_numbers=True, read_bytes=1504)) as port:
        broker.sendto(bytes(range(200)) * 7, (str(port.first_address + 2), port.number))
        received = receive(port)
        assert received.numbers.tolist() == [2]
        assert received.datagram(0) == bytes(range(200)) * 7


@pytest.mark.parametrize("stamps", [False, True])
def test_what_is_sent_to_any_peer_comes_with_its_number_and_time(broker: socket.socket, stamps: bool) -> None:
    with closing(LoopbackPort(broker.getsockname()[1], 300, stamps=stamps, tells_numbers=True)) as port:
        before_us = time.time_ns() // 1000
        for _ in range(2):
            broker.sendto(bytes(range(200)), (str(port.first_address + 258), port.number))
            received = receive(port)
            assert received.numbers.tolist() == [258]
            assert received.words.tolist() == [[0x00010203, 0x04050607, 0x08090A0B, 0x0C0D0E0F]]
            assert received.datagram(0) == bytes(range(READ_BYTES))
            if stamps:
                assert before_us - 1_000 <= received.arrivals_us[0] <= time.time_ns() // 1000
            else:
                assert received.arrivals_us.tolist() == [0]


@pytest.mark.parametrize("stamps", [False, True])
def test_data_packets_leave_as_header_and_payload(broker: socket.socket, stamps: bool) -> None:
    store = np.arange(12, dtype=np.uint8).reshape(3, 4)
    headers = np.full((2, 2), 9, np.uint8)
    with closing(LoopbackPort(broker.getsockname()[1], 2, stamps=stamps)) as port:
        before_us = time.time_ns() // 1000
        sent_us = port.send_data(np.array([1, 0]), headers, store, np.array([2, 0]))
        assert before_us <= sent_us[0] <= sent_us[1] <= time.time_ns() // 1000
    assert broker.recv(100) == bytes([9, 9, 8, 9, 10, 11])
    assert broker.recv(100) == bytes([9, 9, 0, 1, 2, 3])


def test_what_finds_no_room_is_counted(broker: socket.socket) -> None:
    with closing(LoopbackPort(broker.getsockname()[1], 1)) as port:
        port.limit_receive_buffer(4096)
        for _ in range(100):
            broker.sendto(bytes(1000), (str(port.first_address), port.number))
        assert 50 < port.dropped_datagrams < 100


def test_a_refused_datagram_is_counted_and_the_others_leave(broker: socket.socket) -> None:
    with closing(LoopbackPort(broker.getsockname()[1], 1)) as port:
        rows, data = np.zeros(2, np.int64), np.zeros((2, 70_000), np.uint8)
        port.send(rows, data, np.array([70_000, 3]))
        assert port.refused_datagrams == 1
        assert broker.recv(100) == bytes(3)


def test_too_many_peers_are_refused() -> None:
    with pytest.raises(LoadError, match="at most"):
        LoopbackPort(1, MAX_PEERS + 1)
