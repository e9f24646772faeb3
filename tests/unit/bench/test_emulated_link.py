import numpy as np
from tests.support.fake_port import FakePort

from headrace.bench.emulated_link import EmulatedLink, Way
from headrace.bench.loopback_port import Received
from headrace.netio.clock import now_us

DELAY_US = 100_000
"""So long that none has left yet when a test looks, on a busy machine too."""


def send(link: EmulatedLink, *datagrams: bytes) -> None:
    data = np.frombuffer(b"".join(datagrams), np.uint8).reshape(len(datagrams), -1)
    link.send(np.arange(len(datagrams)), data, np.full(len(datagrams), data.shape[1]))


def wait_for(link: EmulatedLink) -> Received:
    while (received := link.receive()) is None:
        pass
    return received


def test_what_is_sent_leaves_after_the_delay() -> None:
    port = FakePort()
    link = EmulatedLink(port, Way(delay_us=DELAY_US))
    start_us = now_us()
    send(link, b"one", b"two")
    link.send_data(np.array([5]), np.array([[1, 2]], np.uint8), np.array([[3], [4]], np.uint8), np.array([1]))
    assert port.sent == []
    while len(port.sent) < 3:
        link.receive()
    assert now_us() - start_us >= DELAY_US
    assert port.sent == [(0, b"one"), (1, b"two"), (5, bytes([1, 2, 4]))]


def test_what_comes_is_held_up_as_long() -> None:
    port = FakePort()
    link = EmulatedLink(port, Way(delay_us=DELAY_US))
    port.deliver(b"a" * 20)
    start_us = now_us()
    assert link.receive() is None
    port.deliver(b"b" * 20)
    assert wait_for(link).datagram(0) == b"a" * 20
    assert now_us() - start_us >= DELAY_US
    assert wait_for(link).datagram(0) == b"b" * 20


def test_its_share_is_lost_each_way_and_the_same_again() -> None:
    def run() -> tuple[list[tuple[int, bytes]], list[int], int]:
        port = FakePort()
        link = EmulatedLink(port, Way(loss=0.2, seed=3))
        send(link, *[number.to_bytes(2, "big") for number in range(1000)])
        port.deliver(*[number.to_bytes(2, "big") for number in range(1000)])
        return port.sent, wait_for(link).data[:, 1].tolist(), link.lost_datagrams

    sent, came, lost = run()
    assert 700 < len(sent) < 900
    assert 700 < len(came) < 900
    assert lost == 2000 - len(sent) - len(came)
    assert run() == (sent, came, lost)
