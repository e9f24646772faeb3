"""Packets sent again, and word of those that are gone."""

import numpy as np
from tests.support.fanout_tables import address, payload, subscribe
from tests.support.mute import is_marked, seqnos
from tests.support.outbox import CollectingOutbox
from tests.support.srt_datagrams import kind_of, words

from headrace.endpoints.outlet import Outlet
from headrace.endpoints.resender import Resender
from headrace.fanout.subscriber_table import SubscriberTable
from headrace.hub.channel import Channel
from headrace.netio.outbox import DatagramQueue
from headrace.srt.packet import ControlType

NOW_US = 5_000_000
WRAP = 1 << 31


class Scene:
    """Two subscribers of a channel of ten packets; the second one's numbers wrap after the third."""

    def __init__(self) -> None:
        self.table = SubscriberTable()
        self.outbox = CollectingOutbox()
        self.resender = Resender(self.table, Outlet(self.table, self.outbox), DatagramQueue(self.outbox))
        self.channel = Channel("A", self.table)
        for index in range(10):
            self.channel.stream.put(index, payload(index), 0)
        self.rows = [
            subscribe(self.table, number, send_seqno=seqno) for number, seqno in ((1, 100), (2, WRAP - 3))
        ]


def test_each_gets_its_own_packet_marked_as_sent_again_with_one_call_for_all() -> None:
    scene = Scene()
    one, other = scene.rows
    scene.resender.send(scene.channel, np.array([4, 4, 5]), np.array([one, other, other]), NOW_US)
    assert scene.outbox.calls == ["send_each"]
    sent = scene.outbox.take()
    assert [to for _, to in sent] == [address(1), address(2), address(2)]
    datagrams = [datagram for datagram, _ in sent]
    assert seqnos(datagrams) == [104, 1, 2]
    assert all(is_marked(datagram) for datagram in datagrams)
    assert [datagram[16:] for datagram in datagrams] == [payload(index).tobytes() for index in (4, 4, 5)]
    assert scene.table.rows["resent_packets"][scene.rows].tolist() == [1, 2]
    assert scene.table.rows["sent_us"][scene.rows].tolist() == [NOW_US, NOW_US]


def test_each_is_told_what_will_never_come_in_its_own_numbers_and_on_its_own_clock() -> None:
    scene = Scene()
    scene.table.rows["epoch_us"][scene.rows] = [0, 1_000_000]
    scene.resender.refuse(np.array([2, 2]), np.array([2, 5]), np.array(scene.rows), NOW_US)
    assert scene.outbox.calls == ["send_batch"]
    (to_one, first), (to_other, second) = [(datagram, to) for datagram, to in scene.outbox.take()]
    assert (first, second) == (address(1), address(2))
    assert kind_of(to_one) == ControlType.DROP_REQUEST
    assert to_one[4:] == words(0, 5_000_000, 5_001, 102, 102)
    assert to_other[4:] == words(0, 4_000_000, 5_002, WRAP - 1, 2)


def test_nothing_is_sent_for_nobody() -> None:
    scene = Scene()
    nobody, nothing = np.zeros(0, np.intp), np.zeros(0, np.int64)
    scene.resender.send(scene.channel, nothing, nobody, NOW_US)
    scene.resender.refuse(nothing, nothing, nobody, NOW_US)
    assert scene.outbox.calls == []
