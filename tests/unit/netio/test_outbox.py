"""Single datagrams gathered into one call."""

import numpy as np
from tests.support.outbox import CollectingOutbox

from headrace.netio.outbox import DatagramQueue

ONE, OTHER = b"1" * 28, b"2" * 28


def test_nothing_leaves_before_it_is_told_to_and_then_all_in_order_with_one_call() -> None:
    outbox = CollectingOutbox()
    queue = DatagramQueue(outbox)
    queue.put(b"a", ONE)
    queue.put(b"bc", OTHER)
    assert outbox.datagrams == []
    queue.flush()
    queue.flush()
    assert outbox.take() == [(b"a", ONE), (b"bc", OTHER)]
    assert outbox.calls == ["send_batch"]


def test_a_full_queue_sends_what_it_has() -> None:
    outbox = CollectingOutbox()
    queue = DatagramQueue(outbox, capacity=2)
    for datagram in (b"a", b"b"):
        queue.put(datagram, ONE)
    assert outbox.datagrams == []
    queue.put(b"c", ONE)
    assert [datagram for datagram, _ in outbox.datagrams] == [b"a", b"b"]


def test_rows_leave_at_once_after_what_was_queued_before_them() -> None:
    outbox = CollectingOutbox()
    queue = DatagramQueue(outbox, capacity=2)
    queue.put(b"first and longer", ONE)
    addresses = np.frombuffer(ONE + OTHER + ONE, np.uint8).reshape(3, 28)
    queue.put_rows(np.arange(12, dtype=np.uint8).reshape(3, 4), addresses)
    assert outbox.take() == [
        (b"first and longer", ONE),
        (bytes([0, 1, 2, 3]), ONE),
        (bytes([4, 5, 6, 7]), OTHER),
        (bytes([8, 9, 10, 11]), ONE),
    ]
