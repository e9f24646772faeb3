"""A second socket on a port that gets what one peer sends."""

import errno
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from headrace.netio.peer_socket import open_peer_socket

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the score of a socket is Linux's")


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def bound(stack: ExitStack, family: socket.AddressFamily, host: str) -> socket.socket:
    udp = stack.enter_context(socket.socket(family, socket.SOCK_DGRAM))
    if family == socket.AF_INET6:
        udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    udp.bind((host, 0))
    udp.settimeout(5)
    return udp


@pytest.mark.parametrize(
    ("shared_family", "shared_host", "peer_family", "peer_host", "peer_name"),
    [
        (socket.AF_INET, "127.0.0.1", socket.AF_INET, "127.0.0.1", "127.0.0.1"),
        (socket.AF_INET, "0.0.0.0", socket.AF_INET, "127.0.0.1", "127.0.0.1"),
        (socket.AF_INET6, "::", socket.AF_INET6, "::1", "::1"),
        (socket.AF_INET6, "::", socket.AF_INET, "127.0.0.1", "::ffff:127.0.0.1"),
    ],
)
def test_it_gets_its_peers_datagrams_and_the_common_socket_all_others(
    stack: ExitStack,
    shared_family: socket.AddressFamily,
    shared_host: str,
    peer_family: socket.AddressFamily,
    peer_host: str,
    peer_name: str,
) -> None:
    shared = bound(stack, shared_family, shared_host)
    peer, stranger = (bound(stack, peer_family, peer_host) for _ in range(2))
    own = stack.enter_context(open_peer_socket(shared, (peer_name, peer.getsockname()[1])))
    own.settimeout(5)
    target = (peer_host, shared.getsockname()[1])
    for number in range(20):
        peer.sendto(b"peer %d" % number, target)
        stranger.sendto(b"stranger %d" % number, target)
    assert [own.recv(64) for _ in range(20)] == [b"peer %d" % number for number in range(20)]
    assert [shared.recv(64) for _ in range(20)] == [b"stranger %d" % number for number in range(20)]


def test_closed_it_leaves_its_peer_to_the_common_socket(stack: ExitStack) -> None:
    shared, peer = (bound(stack, socket.AF_INET, "127.0.0.1") for _ in range(2))
    open_peer_socket(shared, peer.getsockname()).close()
    peer.sendto(b"again", shared.getsockname())
    assert shared.recv(64) == b"again"


def test_the_port_stays_taken_for_everybody_else(stack: ExitStack) -> None:
    shared, peer = (bound(stack, socket.AF_INET, "127.0.0.1") for _ in range(2))
    stack.enter_context(open_peer_socket(shared, peer.getsockname()))
    other = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    with pytest.raises(OSError, match="in use") as caught:
        other.bind(shared.getsockname())
    assert caught.value.errno == errno.EADDRINUSE


def test_the_port_stays_taken_for_who_is_willing_to_share_it(stack: ExitStack) -> None:
    shared, peer = (bound(stack, socket.AF_INET, "127.0.0.1") for _ in range(2))
    stack.enter_context(open_peer_socket(shared, peer.getsockname()))
    other = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    with pytest.raises(OSError, match="in use"):
        other.bind(shared.getsockname())
