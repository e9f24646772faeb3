"""Packets leave as each subscriber is to have them: in clear, sealed for it alone, or sealed for several."""

import numpy as np
import pytest
from tests.support.fanout_tables import address, payload, subscribe
from tests.support.outbox import FullOutbox
from tests.support.sealed import opened, parity_of, session_keys

from headrace.endpoints.outlet import Outlet
from headrace.fanout.burst import make_burst
from headrace.fanout.joint_burst import Part
from headrace.fanout.own_keys import Sealing
from headrace.fanout.sealing import SealingKey
from headrace.fanout.shared_seal import SharedSeal
from headrace.fanout.subscriber_table import SubscriberTable
from headrace.hub.channel import Channel
from headrace.srt.session_keys import Parity

SHARED_SEQNO = 7_000
CHANNEL_KEYS = session_keys(99)


def make_ready(number: int, parity: Parity) -> SealingKey:
    keys = session_keys(number)
    return SealingKey(keys.key(parity) or b"", keys.salt)


class Scene:
    """Ten packets; subscribers 0, 3, .. get them in clear, 1, 4, .. have own keys, 2, 5, .. share one."""

    def __init__(self, subscribers: int = 6) -> None:
        self.table = SubscriberTable()
        self.outbox = FullOutbox()
        self.outlet = Outlet(self.table, self.outbox)
        self.channel = Channel("A", self.table)
        for index in range(10):
            self.channel.stream.put(index, payload(index, 188 + 16 * index), 0)
        shared = SharedSeal(self.channel.ring, SHARED_SEQNO, make_ready(99, Parity.ODD), Parity.ODD)
        self.outlet.shared[self.channel] = shared
        self.rows = [self.subscribe(number) for number in range(subscribers)]

    def subscribe(self, number: int) -> int:
        kind = Sealing(number % 3)
        seqno = SHARED_SEQNO if kind == Sealing.SHARED else 100 * number
        row = subscribe(self.table, number, send_seqno=seqno)
        if kind == Sealing.OWN:
            self.outlet.keys.use(row, make_ready(number, Parity.EVEN), Parity.EVEN)
        self.table.rows["sealing"][row] = kind
        return row

    def received(self, number: int) -> list[bytes]:
        """Return the payloads that a subscriber was sent, opened with its key; each says how it was sealed."""
        keys = CHANNEL_KEYS if number % 3 == Sealing.SHARED else session_keys(number)
        sent = [datagram for datagram, to in self.outbox.datagrams if to == address(number)]
        expected = (None, Parity.EVEN, Parity.ODD)[number % 3]
        assert {parity_of(datagram) for datagram in sent} <= {expected}
        return [opened(datagram, keys) for datagram in sent]


def payloads(*indices: int) -> list[bytes]:
    return [payload(index, 188 + 16 * index).tobytes() for index in indices]


@pytest.mark.parametrize("kinds", [[0], [1], [2], [0, 1], [1, 2], [0, 1, 2]])
def test_a_burst_reaches_everybody_as_they_are_to_have_it(kinds: list[int]) -> None:
    scene = Scene()
    numbers = [number for number in range(6) if number % 3 in kinds]
    columns = scene.table.gather(np.array([scene.rows[number] for number in numbers]))
    burst = make_burst(scene.channel.ring, np.array([2, 3, 5]), columns)
    assert scene.outlet.send_burst(scene.channel, burst) == 3 * len(numbers)
    for number in numbers:
        assert scene.received(number) == payloads(2, 3, 5)


def test_a_burst_with_keys_of_their_own_for_many_leaves_with_few_calls() -> None:
    scene = Scene(3 * 200)
    rows = np.array([row for number, row in enumerate(scene.rows) if number % 3 == Sealing.OWN])
    burst = make_burst(scene.channel.ring, np.arange(8), scene.table.gather(rows))
    assert scene.outlet.send_burst(scene.channel, burst) == 8 * 200
    assert scene.outbox.calls == ["send_burst"] * 4
    assert scene.received(1) == scene.received(598) == payloads(*range(8))


def test_when_the_socket_is_full_who_comes_first_is_served_first_and_the_rest_is_given_up() -> None:
    scene = Scene()
    scene.outbox.room_datagrams = 1
    for first in range(3):
        scene.outbox.take()
        rows = np.roll(np.array(scene.rows), -first)
        burst = make_burst(scene.channel.ring, np.array([1, 2]), scene.table.gather(rows))
        assert scene.outlet.send_burst(scene.channel, burst) == 1
        assert [to for _, to in scene.outbox.datagrams] == [address(first)]


def test_a_joint_burst_is_sealed_for_those_who_have_keys() -> None:
    scene = Scene()
    clear = Channel("B", scene.table)
    for index in range(3):
        clear.stream.put(index, payload(index), 0)
    listener = subscribe(scene.table, 60)
    parts = [
        Part(clear.ring, np.array([0, 2]), scene.table.gather(np.array([listener]))),
        Part(scene.channel.ring, np.array([4, 5, 9]), scene.table.gather(np.array(scene.rows))),
    ]
    burst, accepted = scene.outlet.send_joint(parts, [clear, scene.channel])
    assert accepted == len(burst.runs.slots) == 2 + 3 * 6
    assert scene.outbox.calls == ["send_runs"]
    assert scene.received(60) == [payload(0).tobytes(), payload(2).tobytes()]
    for number in range(6):
        assert scene.received(number) == payloads(4, 5, 9)


def test_what_is_sent_again_is_sealed_as_it_was() -> None:
    scene = Scene()
    rows = np.array(scene.rows)
    burst = make_burst(scene.channel.ring, np.array([3]), scene.table.gather(rows))
    scene.outlet.send_burst(scene.channel, burst)
    first = {to: datagram[16:] for datagram, to in scene.outbox.take()}
    order = np.array([5, 0, 4, 1, 2, 3, 4])
    scene.outlet.send_resends(scene.channel, np.full(7, 3), rows[order])
    assert len(scene.outbox.datagrams) == 7
    assert {to: datagram[16:] for datagram, to in scene.outbox.datagrams} == first
    assert scene.received(4) == payloads(3, 3)


def test_as_long_as_nobody_has_a_key_nothing_is_looked_at() -> None:
    scene = Scene()
    assert scene.outlet.seals
    bare = Outlet(SubscriberTable(), scene.outbox)
    assert not bare.seals
