import socket
import sys

import pytest

from headrace.base.sockaddr import encode_sockaddr
from headrace.netio.socket_buffers import GrantedBuffers, dropped_datagrams, granted_buffers
from headrace.netio.udp_socket import UdpSocket

LOOPBACK = "127.0.0.1"
WANTED = 8_388_608
LINUX_ONLY = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells it")


@pytest.mark.parametrize(
    ("receive_bytes", "send_bytes", "platform", "advice"),
    [
        (WANTED, WANTED, "linux", None),
        (WANTED - 1, WANTED, "linux", "sudo sysctl -w net.core.rmem_max=8388608"),
        (WANTED, 212_992, "linux", "sudo sysctl -w net.core.wmem_max=8388608"),
        (0, 0, "linux", "sudo sysctl -w net.core.rmem_max=8388608 net.core.wmem_max=8388608"),
        (0, 0, "darwin", "sudo sysctl -w kern.ipc.maxsockbuf=8388608"),
        (0, 0, "plan9", None),
    ],
)
def test_the_advice_names_what_is_too_low_and_nothing_else(
    receive_bytes: int, send_bytes: int, platform: str, advice: str | None
) -> None:
    assert GrantedBuffers(receive_bytes, send_bytes, WANTED).advice(platform) == advice


@LINUX_ONLY
def test_linux_counts_a_buffer_twice() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 10_000)
        said = udp.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    assert granted_buffers(said, said, 10_000) == GrantedBuffers(10_000, 10_000, 10_000)


def flood(sender: socket.socket, port: int) -> None:
    for _ in range(100):
        sender.sendto(bytes(1000), (LOOPBACK, port))


@LINUX_ONLY
def test_what_a_full_receive_buffer_drops_is_counted_once() -> None:
    with (
        UdpSocket.bind(LOOPBACK, 0, receive_buffer_bytes=4096) as common,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        flood(sender, common._udp.getsockname()[1])
        for _ in range(2):
            common.count_drops()
            assert 0 < common.counters.receive_dropped_datagrams == dropped_datagrams(common._udp) <= 100


@LINUX_ONLY
@pytest.mark.parametrize("is_looked_at", [False, True])
def test_what_peers_sockets_drop_is_counted_too_at_their_end_at_the_latest(*, is_looked_at: bool) -> None:
    with (
        UdpSocket.bind(LOOPBACK, 0) as common,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        if not common.capabilities.peer_sockets:
            pytest.skip("this system has no sockets for peers")
        sender.bind((LOOPBACK, 0))
        line = common.open_peer_socket(encode_sockaddr(*sender.getsockname()))
        line._udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        flood(sender, common._udp.getsockname()[1])
        if is_looked_at:
            common.count_drops()
            assert common.counters.receive_dropped_datagrams > 0
        dropped = dropped_datagrams(line._udp)
        line.close()
        common.count_drops()
        assert 0 < common.counters.receive_dropped_datagrams == dropped


def test_a_closed_socket_has_dropped_nothing() -> None:
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.close()
    assert dropped_datagrams(udp) == 0
