"""The sockets of the soak: one that loses, and one that knows when something came."""

import socket
from random import Random

from bench.lossy_socket import LossySocket
from bench.stamped_socket import receive_stamped, stamp_arrivals
from tests.simnet.link import SimLink

from headrace.netio.clock import unix_time_us

DATAGRAMS = 2000


def open_sink() -> socket.socket:
    sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sink.bind(("127.0.0.1", 0))
    sink.setblocking(False)
    return sink


def test_a_lossy_socket_loses_its_share_each_way_and_nothing_else() -> None:
    kept_inward = sent = 0
    with open_sink() as sink, LossySocket(SimLink(loss=0.2, mean_burst_packets=3), Random(1)) as lossy:
        lossy.connect(sink.getsockname())
        for _ in range(DATAGRAMS):
            assert lossy.send(b"12345") == 5
            try:
                sent += sink.recv(10) == b"12345"
            except BlockingIOError:
                continue
            sink.sendto(b"back", lossy.getsockname())
            lossy.setblocking(False)
            try:
                kept_inward += lossy.recv(10) == b"back"
            except BlockingIOError:
                continue
    assert 0.7 * DATAGRAMS < sent < 0.9 * DATAGRAMS
    assert 0.7 * sent < kept_inward < 0.9 * sent


def test_a_stamped_datagram_says_when_it_came_and_not_when_it_was_read() -> None:
    with open_sink() as sink, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        stamp_arrivals(sink)
        before_us = unix_time_us()
        sender.sendto(b"first", sink.getsockname())
        after_us = unix_time_us()
        datagram, arrived_us = receive_stamped(sink)
    assert datagram == b"first"
    assert before_us <= arrived_us + 1
    assert arrived_us <= after_us + 1000
