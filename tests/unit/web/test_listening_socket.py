"""A TCP socket to listen on."""

import socket

import pytest

from headrace.web.listening_socket import HttpListenError, listen_on


def test_a_free_port_is_listened_on() -> None:
    with listen_on("127.0.0.1", 0) as tcp, socket.create_connection(tcp.getsockname(), timeout=5):
        assert tcp.getsockname()[0] == "127.0.0.1"


def test_without_a_host_ipv4_is_listened_on_whether_or_not_there_is_ipv6() -> None:
    with listen_on(None, 0) as tcp, socket.create_connection(("127.0.0.1", tcp.getsockname()[1]), timeout=5):
        pass


def test_a_taken_port_is_told_with_what_to_do() -> None:
    with listen_on("127.0.0.1", 0) as tcp:
        port = tcp.getsockname()[1]
        with pytest.raises(HttpListenError) as caught:
            listen_on("127.0.0.1", port)
    assert f"cannot serve HTTP on TCP 127.0.0.1:{port}: Address already in use" in str(caught.value)
    assert "--http HOST:PORT, or --http off" in str(caught.value)


def test_a_foreign_address_is_told() -> None:
    with pytest.raises(HttpListenError, match=r"192\.0\.2\.1:0"):
        listen_on("192.0.2.1", 0)
