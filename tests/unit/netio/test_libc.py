"""The system calls that are called through ctypes."""

import ctypes
import errno
import socket
import sys

import numpy as np
import pytest

from headrace.netio import libc

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="sendmmsg and recvmmsg are Linux's")


@linux_only
def test_a_failed_call_returns_minus_the_error_number() -> None:
    table = np.zeros((1, libc.MESSAGE_WORDS), np.int64)
    for call in libc.load_sendmmsg(), libc.load_recvmmsg():
        assert call is not None
        assert call(-1, table.ctypes.data, 1) == -errno.EBADF


@linux_only
def test_receiving_does_not_wait_even_on_a_blocking_socket() -> None:
    receive_messages = libc.load_recvmmsg()
    assert receive_messages is not None
    table = np.zeros((1, libc.MESSAGE_WORDS), np.int64)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        assert receive_messages(udp.fileno(), table.ctypes.data, 1) == -errno.EAGAIN


@pytest.mark.parametrize(("name", "value"), [("platform", "darwin"), ("byteorder", "big")])
def test_a_system_with_another_memory_layout_gets_no_call(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setattr(sys, name, value)
    assert libc.load_sendmmsg() is None
    assert libc.load_recvmmsg() is None


def test_a_c_library_without_the_call_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())
    assert libc.load_sendmmsg() is None
