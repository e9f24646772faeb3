"""When a subscriber's packets get another key: announced, repeated, answered, taken."""

from collections import Counter
from dataclasses import replace
from random import Random

import numpy as np
from tests.support.fanout_tables import address, subscribe
from tests.support.outbox import CollectingOutbox
from tests.support.srt_datagrams import PARAMETERS

from headrace.endpoints.subscriber_keys import SubscriberKeys
from headrace.fanout.own_keys import OwnKeys, Sealing
from headrace.fanout.subscriber_table import SubscriberTable
from headrace.netio.outbox import DatagramQueue
from headrace.srt.key_exchange import KMREQ, KMRSP, KeyRefresh, OpeningKeys
from headrace.srt.key_material import make_keys
from headrace.srt.packet import HEADER_BYTES, decode_header
from headrace.srt.session_keys import KeySource

MS = 1000
SECOND = 1_000_000
REFRESH = KeyRefresh(period_packets=100, announce_packets=32)
EVEN, ODD = 1 << 27, 2 << 27


class Scene:
    """One encrypted subscriber and a clear one."""

    def __init__(self) -> None:
        self.table = SubscriberTable()
        self.outbox = CollectingOutbox()
        self.queue = DatagramQueue(self.outbox)
        self.own = OwnKeys(self.table)
        self.ignored: Counter[str] = Counter()
        self.keys = SubscriberKeys(self.table, self.own, self.queue, self.ignored, Random(1).randbytes)
        self.row, self.clear = subscribe(self.table, 1), subscribe(self.table, 2)
        session = make_keys("a long passphrase", 16, KeySource(bytes(32)))
        self.peer = OpeningKeys(session)
        self.keys.add(self.row, replace(PARAMETERS, keys=session, key_refresh=REFRESH))
        self.keys.add(self.clear, PARAMETERS)

    def send(self, packets: int, now_us: int) -> list[bytes]:
        """Count packets as sent, sweep, and return the announcements that left."""
        self.table.rows["sent_packets"][[self.row, self.clear]] += packets
        self.keys.handle_sweep(now_us)
        self.queue.flush()
        sent = self.outbox.take()
        assert {to for _, to in sent} <= {address(1)}
        for datagram, _ in sent:
            header = decode_header(datagram)
            assert (header.control_subtype, header.dst_socket_id) == (KMREQ, 5_001)
        return [datagram[HEADER_BYTES:] for datagram, _ in sent]

    def answer(self, body: bytes, now_us: int) -> None:
        self.keys.handle_answer(self.row, KMRSP, self.peer.handle_request(body, now_us).body)

    @property
    def key_flags(self) -> int:
        return int(self.table.rows["key_flags"][self.row])


def test_a_key_is_announced_before_its_time_and_taken_when_that_comes() -> None:
    scene = Scene()
    assert scene.table.rows["sealing"][[scene.row, scene.clear]].tolist() == [Sealing.OWN, Sealing.CLEAR]
    assert scene.send(60, 0) == []
    (announcement,) = scene.send(10, 50 * MS)
    scene.answer(announcement, 60 * MS)
    assert scene.send(20, 100 * MS) == []
    assert scene.key_flags == EVEN
    assert scene.send(20, 150 * MS) == []
    assert scene.key_flags == ODD
    (next_one,) = scene.send(80, SECOND)
    scene.answer(next_one, SECOND)
    scene.send(40, 2 * SECOND)
    assert scene.key_flags == EVEN


def test_an_announcement_is_repeated_until_it_is_answered_and_the_old_key_stays_in_use() -> None:
    scene = Scene()
    (first,) = scene.send(70, 0)
    repeated = [body for sweep in range(1, 40) for body in scene.send(5, sweep * 50 * MS)]
    assert set(repeated) == {first}
    assert 2 <= len(repeated) <= 12
    assert scene.key_flags == EVEN
    scene.answer(first, 3 * SECOND)
    assert scene.send(3, 3 * SECOND) == []
    assert scene.key_flags == ODD


def test_answers_to_nothing_are_counted() -> None:
    scene = Scene()
    scene.keys.handle_answer(scene.row, KMRSP, b"what?")
    scene.keys.handle_answer(scene.row, KMREQ, b"my own key")
    scene.keys.handle_answer(scene.clear, KMRSP, b"what?")
    assert scene.ignored == {"key_answer_mismatch": 1, "unexpected_extension": 2}


def test_a_subscriber_that_has_gone_has_no_keys() -> None:
    scene = Scene()
    scene.send(70, 0)
    scene.keys.forget(scene.row)
    scene.keys.forget(scene.clear)
    assert len(scene.own) == 0
    assert scene.send(500, SECOND) == []


def test_counting_takes_no_look_at_a_row_that_sends_little() -> None:
    scene = Scene()
    scene.send(1, 0)
    assert scene.table.rows["key_counted_packets"][scene.row] == 0
    scene.send(1, 50 * MS)
    assert scene.table.rows["key_counted_packets"][scene.row] == 2
    assert np.all(scene.table.rows["key_counted_packets"][scene.clear] == 0)
