import contextlib
import socket
import sys
import threading
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from headrace.bench.c_programs import Targets, relay_command
from headrace.bench.sendto_relay import read_arguments, relay


def test_each_datagram_goes_to_each_target() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as inward,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as first,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as second,
    ):
        for udp in inward, first, second:
            udp.bind(("127.0.0.1", 0))
            udp.settimeout(5)
        inward.settimeout(0.5)
        targets = [first.getsockname(), second.getsockname()]
        thread = threading.Thread(target=relay_until_closed, args=(inward, targets))
        thread.start()
        first.sendto(b"packet", inward.getsockname())
        assert first.recv(100) == second.recv(100) == b"packet"
        thread.join(5)
        assert not thread.is_alive()


def relay_until_closed(inward: socket.socket, targets: list[tuple[str, int]]) -> None:
    with contextlib.suppress(TimeoutError):
        relay(inward, targets)


def test_the_command_line_is_that_of_the_c_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    command = relay_command(Path("relay"), 7, Targets(IPv4Address("127.16.0.255"), 2, 9))
    monkeypatch.setattr(sys, "argv", command)
    arguments = read_arguments("A relay")
    assert arguments == (7, [("127.16.0.255", 9), ("127.16.1.0", 9)])
