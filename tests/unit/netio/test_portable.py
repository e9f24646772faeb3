"""Sending and receiving with plain calls, against a socket that is played."""

import errno
import socket
from typing import Any, cast

import numpy as np
import pytest

from headrace.base.datagram_batch import DatagramBatch
from headrace.base.sockaddr import encode_sockaddr
from headrace.netio.counters import SocketCounters
from headrace.netio.portable import PortableReceiver, PortableSender


class PlayedSocket:
    """Takes datagrams, or raises the next error of a list; None takes one."""

    def __init__(self, *errors: int | None, family: socket.AddressFamily = socket.AF_INET) -> None:
        self.errors = list(errors)
        self.family = family
        self.taken: list[tuple[bytes, Any]] = []

    def sendmsg(self, buffers: list[memoryview], ancillary: Any, flags: int, address: Any) -> int:
        error_number = self.errors.pop(0) if self.errors else None
        if error_number is not None:
            raise OSError(error_number, "played")
        self.taken.append((b"".join(buffers), address))
        return len(self.taken[-1][0])

    def recvmsg_into(self, buffers: list[memoryview]) -> Any:
        raise OSError(self.errors.pop(0) or errno.EAGAIN, "played")


def send(udp: PlayedSocket, hosts: list[str]) -> tuple[int, SocketCounters]:
    counters, batch = SocketCounters(), DatagramBatch(8)
    for host in hosts:
        batch.append(b"abc", encode_sockaddr(host, 9))
    return PortableSender(cast("socket.socket", udp), counters).send_batch(batch), counters


@pytest.mark.parametrize("error_number", [errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM])
def test_a_full_buffer_gives_the_rest_up_and_counts_it(error_number: int) -> None:
    sent, counters = send(PlayedSocket(None, error_number), ["127.0.0.1"] * 5)
    assert (sent, counters.datagrams_sent, counters.bytes_sent) == (1, 1, 3)
    assert counters.send_would_block_datagrams == 4


@pytest.mark.parametrize("error_number", [errno.EPERM, errno.ENETUNREACH, errno.EINVAL, errno.EMSGSIZE])
def test_a_refused_datagram_is_skipped_and_counted(error_number: int) -> None:
    sent, counters = send(PlayedSocket(None, error_number), ["127.0.0.1"] * 5)
    assert (sent, counters.send_error_datagrams, counters.system_calls) == (4, 1, 5)


def test_an_ipv4_peer_of_an_ipv6_socket_is_mapped() -> None:
    udp = PlayedSocket(family=socket.AF_INET6)
    send(udp, ["192.0.2.1", "2001:db8::1"])
    assert [address for _, address in udp.taken] == [("::ffff:192.0.2.1", 9, 0, 0), ("2001:db8::1", 9, 0, 0)]


def test_bytes_that_are_no_address_are_counted_as_an_error() -> None:
    counters, store = SocketCounters(), np.zeros((1, 4), np.uint8)
    sender = PortableSender(cast("socket.socket", PlayedSocket()), counters)
    column = np.zeros(1, np.int64)
    assert sender.send_each(np.zeros((1, 28), np.uint8), np.zeros((1, 2), np.uint8), store, column, column) == 0
    assert counters.send_error_datagrams == 1


def test_what_icmp_left_at_the_socket_is_passed_over_and_a_closed_one_raises() -> None:
    batch = DatagramBatch(2)
    udp = PlayedSocket(errno.ECONNREFUSED, errno.EBADF)
    receiver = PortableReceiver(cast("socket.socket", udp), SocketCounters())
    assert receiver.receive_more(batch, 2) == 0
    with pytest.raises(OSError, match="played"):
        receiver.receive_more(batch, 2)
