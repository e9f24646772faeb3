"""Each subscriber's packets are sealed with its own key, and their headers say with which."""

import numpy as np
from tests.support.fanout_tables import payload, ring_with, subscribe
from tests.support.sealed import opened, parity_of, session_keys

from headrace.fanout.burst import make_burst, make_resends
from headrace.fanout.own_keys import OwnKeys, Sealing
from headrace.fanout.sealing import SealingKey
from headrace.fanout.subscriber_table import SubscriberTable
from headrace.srt.session_keys import Parity

WRAP = 1 << 31


def make_ready(number: int, parity: Parity) -> SealingKey:
    keys = session_keys(number)
    key = keys.key(parity)
    assert key is not None
    return SealingKey(key, keys.salt)


class Scene:
    """Two subscribers with keys of different parity; the second one's numbers wrap after the third packet."""

    def __init__(self) -> None:
        self.table = SubscriberTable()
        self.ring = ring_with(range(10))
        self.rows = np.array(
            [subscribe(self.table, number, send_seqno=seqno) for number, seqno in ((1, 100), (2, WRAP - 3))]
        )
        self.keys = OwnKeys(self.table)
        for number, row in enumerate(self.rows.tolist(), 1):
            self.keys.use(row, make_ready(number, Parity(number)), Parity(number))


def test_a_burst_is_sealed_for_each() -> None:
    scene = Scene()
    burst = make_burst(scene.ring, np.array([1, 2, 3]), scene.table.gather(scene.rows))
    sealed = scene.keys.seal_burst(scene.ring.store, burst.headers, scene.rows, burst.slots, burst.lengths)
    assert sealed.slots.shape == (2, 3)
    for number, (headers, slots) in enumerate(zip(burst.headers, sealed.slots, strict=True), 1):
        for index, header, slot in zip((1, 2, 3), headers, slots, strict=True):
            datagram = header.tobytes() + sealed.store[slot, :188].tobytes()
            assert parity_of(datagram) == Parity(number)
            assert datagram[16:] != payload(index).tobytes()
            assert opened(datagram, session_keys(number)) == payload(index).tobytes()


def test_packets_of_their_own_are_sealed_for_whom_each_is() -> None:
    scene = Scene()
    one, other = scene.rows.tolist()
    rows, indices = np.array([other, other, one, other]), np.array([4, 4, 5, 6])
    headers, slots, lengths = make_resends(scene.ring, indices, scene.table.gather(rows))
    sealed = scene.keys.seal_each(scene.ring.store[slots], headers, rows, lengths)
    for place, number in enumerate((2, 2, 1, 2)):
        datagram = headers[place].tobytes() + sealed.store[sealed.slots[place], :188].tobytes()
        assert opened(datagram, session_keys(number)) == payload(int(indices[place])).tobytes()


def test_the_table_says_who_has_a_key_and_which_parity_is_in_use() -> None:
    scene = Scene()
    row = int(scene.rows[0])
    assert scene.table.rows["sealing"][scene.rows].tolist() == [Sealing.OWN, Sealing.OWN]
    assert scene.table.rows["key_flags"][scene.rows].tolist() == [0x0800_0000, 0x1000_0000]
    scene.keys.use(row, make_ready(1, Parity.ODD), Parity.ODD)
    assert scene.table.rows["key_flags"][row] == 0x1000_0000
    scene.keys.forget(row)
    scene.keys.forget(row)
    assert len(scene.keys) == 1
