"""The proxy that stands between real programs: it runs on a real clock, so bounds are generous."""

import socket
import time
from collections.abc import Callable, Iterator

import pytest
from tests.simnet.link import SimLink
from tests.support.lossy_proxy import LossyProxy
from tests.support.ports import free_tcp_port, free_udp_port
from tests.support.processes import wait_until

LOOPBACK = "127.0.0.1"
WAIT_SECONDS = 5.0
QUIET_SECONDS = 0.3


def open_udp() -> socket.socket:
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind((LOOPBACK, 0))
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    udp.settimeout(WAIT_SECONDS)
    return udp


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with open_udp() as udp:
        yield udp


@pytest.fixture
def client() -> Iterator[socket.socket]:
    with open_udp() as udp:
        yield udp


def receive(udp: socket.socket, expected: int) -> list[bytes]:
    """Receive as many as are expected, however long that takes, and what more comes at once."""
    arrived: list[bytes] = []
    while True:
        udp.settimeout(WAIT_SECONDS if len(arrived) < expected else QUIET_SECONDS)
        try:
            arrived.append(udp.recv(2048))
        except TimeoutError:
            return arrived


def test_a_datagram_goes_there_and_its_answer_comes_back(server: socket.socket, client: socket.socket) -> None:
    with LossyProxy(server.getsockname()) as proxy:
        client.sendto(b"question", proxy.address)
        question, upstream = server.recvfrom(100)
        server.sendto(b"answer", upstream)
        assert (question, *client.recvfrom(100)) == (b"question", b"answer", proxy.address)
        assert proxy.to_target.forwarded == proxy.to_client.forwarded == 1


def test_each_client_has_its_own_upstream_socket(server: socket.socket, client: socket.socket) -> None:
    with LossyProxy(server.getsockname()) as proxy, open_udp() as second:
        upstreams = []
        for udp in (client, second):
            udp.sendto(b"x", proxy.address)
            upstreams.append(server.recvfrom(100)[1])
        server.sendto(b"to second", upstreams[1])
        assert second.recv(100) == b"to second"
        assert upstreams[0] != upstreams[1]


def test_delay_is_kept_to_about_a_millisecond(server: socket.socket, client: socket.socket) -> None:
    delays_ms = []
    with LossyProxy(server.getsockname(), to_target=SimLink(latency_us=20_000)) as proxy:
        for _ in range(20):
            sent_ns = time.monotonic_ns()
            client.sendto(b"x", proxy.address)
            server.recv(100)
            delays_ms.append((time.monotonic_ns() - sent_ns) / 1e6)
    assert min(delays_ms) >= 20
    # Some are held up on a busy machine, by what has nothing to do with the delay.
    assert sorted(delays_ms)[2] < 25


def test_loss_is_counted_and_the_same_seed_loses_the_same_datagrams(
    server: socket.socket, client: socket.socket
) -> None:
    arrived = []
    for _ in range(2):
        with LossyProxy(server.getsockname(), to_target=SimLink(loss=0.25), seed=5) as proxy:
            for number in range(400):
                client.sendto(number.to_bytes(2, "big"), proxy.address)
            counted = proxy.to_target
            wait_until(lambda counted=counted: counted.forwarded + counted.dropped == 400, "all of them")  # type: ignore[misc]
            arrived.append(receive(server, counted.forwarded))
            assert len(arrived[-1]) == counted.forwarded
    assert arrived[0] == arrived[1]
    assert 260 < len(arrived[0]) < 340


def test_a_cut_cable_drops_everything_until_it_is_mended(server: socket.socket, client: socket.socket) -> None:
    with LossyProxy(server.getsockname()) as proxy:
        proxy.is_cut = True
        client.sendto(b"lost", proxy.address)
        wait_until(lambda: proxy.to_target.dropped == 1, "the loss")
        assert receive(server, 0) == []
        proxy.is_cut = False
        client.sendto(b"through", proxy.address)
        assert receive(server, 1) == [b"through"]


def test_a_client_gets_another_port_and_the_old_one_is_dead(server: socket.socket, client: socket.socket) -> None:
    with LossyProxy(server.getsockname()) as proxy:
        client.sendto(b"before", proxy.address)
        old = server.recvfrom(100)[1]
        proxy.change_ports()
        new = old
        for _ in range(100):
            client.sendto(b"after", proxy.address)
            new = server.recvfrom(100)[1]
            if new != old:
                break
            time.sleep(0.01)
        assert new != old
        server.sendto(b"to the old port", old)
        server.sendto(b"to the new port", new)
        assert receive(client, 1) == [b"to the new port"]


def test_the_last_handshake_is_repeated_and_nothing_else(server: socket.socket, client: socket.socket) -> None:
    with LossyProxy(server.getsockname()) as proxy:
        for datagram in (b"\x80\0\0\0induction", b"\x80\0\0\0conclusion", b"\x80\0\0\x01keepalive", b"data"):
            client.sendto(datagram, proxy.address)
        assert len(receive(server, 4)) == 4
        proxy.repeat_handshakes()
        assert receive(server, 1) == [b"\x80\0\0\0conclusion"]
        assert proxy.repeated_handshakes == 1


def test_ten_megabits_a_second_pass_both_ways_without_unwanted_loss(
    server: socket.socket, client: socket.socket
) -> None:
    datagrams, payload = 1000, bytes(1316)
    link = SimLink(latency_us=10_000, jitter_us=2000)
    with LossyProxy(server.getsockname(), to_target=link, to_client=link) as proxy:
        client.sendto(b"hello", proxy.address)
        upstream = server.recvfrom(100)[1]
        started = time.monotonic()
        for number in range(datagrams):
            client.sendto(payload, proxy.address)
            server.sendto(payload, upstream)
            time.sleep(max(0.0, started + (number + 1) * 0.00105 - time.monotonic()))
        assert len(receive(server, datagrams)) == len(receive(client, datagrams)) == datagrams


@pytest.mark.parametrize(
    ("find", "kind"), [(free_udp_port, socket.SOCK_DGRAM), (free_tcp_port, socket.SOCK_STREAM)]
)
def test_a_free_port_can_be_bound_is_none_of_a_caller_s_and_does_not_come_back_soon(
    find: Callable[[], int], kind: socket.SocketKind
) -> None:
    ports = [find() for _ in range(100)]
    assert len(set(ports)) == len(ports)
    assert max(ports) < 30_000
    with socket.socket(socket.AF_INET, kind) as found:
        found.bind((LOOPBACK, ports[-1]))
