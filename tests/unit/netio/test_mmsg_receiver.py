"""Receiving with recvmmsg, against a kernel that is played."""

import errno
import socket

import pytest

from headrace.base.datagram_batch import DatagramBatch
from headrace.base.sockaddr import encode_sockaddr
from headrace.netio.counters import SocketCounters
from headrace.netio.mmsg_receiver import MessageTable, MmsgReceiver


class Kernel:
    """Answers each call with the next number of a list."""

    def __init__(self, *answers: int) -> None:
        self.answers = list(answers)
        self.asked: list[int] = []

    def __call__(self, descriptor: int, messages_address: int, count: int) -> int:
        self.asked.append(count)
        return self.answers.pop(0)


def receive(kernel: Kernel) -> tuple[int, DatagramBatch]:
    batch = DatagramBatch(4)
    batch.count = 1
    receiver = MmsgReceiver(3, socket.AF_INET, SocketCounters(), kernel, MessageTable())
    return receiver.receive_more(batch, 4), batch


def test_nothing_there_leaves_the_batch_as_it_was() -> None:
    count, batch = receive(Kernel(-errno.EAGAIN))
    assert (count, batch.count) == (0, 1)


def test_what_comes_is_appended_and_no_more_is_asked_for_than_there_is_room() -> None:
    kernel = Kernel(2)
    count, batch = receive(kernel)
    assert (count, batch.count) == (2, 3)
    assert kernel.asked == [3]


@pytest.mark.parametrize("error_number", [errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH])
def test_what_icmp_left_at_the_socket_does_not_hide_the_datagrams_behind_it(error_number: int) -> None:
    count, _ = receive(Kernel(-error_number, 2))
    assert count == 2


def test_icmp_errors_without_end_do_not_hold_the_program_up() -> None:
    kernel = Kernel(*[-errno.ECONNREFUSED] * 100)
    assert receive(kernel)[0] == 0
    assert len(kernel.asked) < 10


def test_a_closed_descriptor_raises() -> None:
    with pytest.raises(OSError, match="Bad file descriptor"):
        receive(Kernel(-errno.EBADF))


def test_an_ipv4_address_has_no_remains_of_an_ipv6_one_behind_it() -> None:
    batch = DatagramBatch(1)
    batch.append(b"", encode_sockaddr("2001:db8:1:2:3:4:5:6", 7, 8))
    batch.count = 0
    MmsgReceiver(3, socket.AF_INET, SocketCounters(), Kernel(1), MessageTable()).receive_more(batch, 1)
    assert batch.address(0)[16:] == bytes(12)
