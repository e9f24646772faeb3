"""Loss reports answered within the limits. The property test compares them with their twin."""

from collections import Counter

import numpy as np
import pytest
from tests.support.fanout_tables import address, payload, subscribe
from tests.support.mute import seqnos
from tests.support.outbox import CollectingOutbox
from tests.support.srt_datagrams import control, of_kind, words
from tests.support.successions import FixedSuccession

from headrace.base.datagram_batch import DatagramBatch
from headrace.endpoints.loss_reports import LossReports
from headrace.endpoints.outlet import Outlet
from headrace.endpoints.packet_columns import PacketColumns
from headrace.endpoints.resender import Resender
from headrace.fanout.resend_budget import ROUND_US
from headrace.fanout.resends import MAX_REPORT_WORDS_PER_SWEEP, MAX_WANTED_PACKETS, OWN_DELAY_US
from headrace.fanout.subscriber_table import FIRST_RESENDS_PACKETS, SubscriberTable
from headrace.hub.channel import Channel
from headrace.netio.outbox import DatagramQueue
from headrace.srt.packet import ControlType
from headrace.srt.rtt import INITIAL_RTT_US, INITIAL_RTT_VARIANCE_US

NOW_US = 1_000_000
FIRST_SEQNO = 100
DATA = None
RTT_US, RTT_VARIANCE_US = 40_000, 2_500


class Scene:
    """Subscribers that have been sent 400 packets, and have earned nothing with them; what is missing may come."""

    def __init__(self, subscribers: int = 1) -> None:
        self.table = SubscriberTable()
        self.ignored: Counter[str] = Counter()
        self.outbox = CollectingOutbox()
        self.channel = Channel("A", self.table)
        self.channel.succession = FixedSuccession(self.channel.stream, hopeless_index=0)
        channels: dict[int, Channel] = {}
        resender = Resender(self.table, Outlet(self.table, self.outbox), DatagramQueue(self.outbox))
        self.reports = LossReports(self.table, channels, resender, self.ignored)
        for index in range(400):
            self.channel.stream.put(index, payload(index), 0)
        self.rows = [subscribe(self.table, number, send_seqno=FIRST_SEQNO) for number in range(subscribers)]
        channels.update(dict.fromkeys(self.rows, self.channel))
        self.row = self.rows[0]
        entries = self.table.rows
        entries["next_index"][self.rows] = 400
        entries["rtt_us"][self.rows], entries["rtt_variance_us"][self.rows] = RTT_US, RTT_VARIANCE_US

    def lose(self, index: int) -> None:
        """Let the channel not have a packet."""
        self.channel.ring.indices[index] = -1

    def recover(self, index: int, now_us: int) -> None:
        """Let the channel get it at last, and send it on to all."""
        self.channel.ring.indices[index] = index
        self.channel.ring.late_us[index] = now_us

    def handle(self, bodies: list[tuple[int, bytes]], now_us: int = NOW_US) -> None:
        batch = DatagramBatch(len(bodies))
        for row, body in bodies:
            batch.append(control(ControlType.NAK, body), address(row))
        rows = np.array([row for row, _ in bodies], np.intp)
        self.reports.handle_reports(PacketColumns.of(batch), np.arange(len(bodies)), rows, now_us)

    def report(self, first: int, last: int, now_us: int = NOW_US) -> list[int]:
        """Have one subscriber report a range; return which packets it gets."""
        self.handle([(self.row, words(0x8000_0000 | (FIRST_SEQNO + first), FIRST_SEQNO + last))], now_us)
        return [seqno - FIRST_SEQNO for seqno in seqnos(self.take(DATA))]

    def report_all(self, index: int, now_us: int = NOW_US) -> int:
        """Have all subscribers report one packet; return how many get it."""
        self.handle([(row, words(FIRST_SEQNO + index)) for row in self.rows], now_us)
        return len(self.take(DATA))

    def take(self, kind: int | None) -> list[bytes]:
        return of_kind([datagram for datagram, _ in self.outbox.take()], kind)


def test_what_a_report_names_is_sent_and_counted() -> None:
    scene = Scene()
    assert scene.report(3, 5) == [3, 4, 5]
    assert scene.table.rows["naks_packets"][scene.row] == 1
    assert +scene.ignored == {}


def test_what_hundreds_report_and_the_channel_still_waits_for_is_answered_with_nothing() -> None:
    scene = Scene(subscribers=300)
    scene.lose(390)
    assert scene.report_all(390) == 0
    assert scene.outbox.calls == []
    assert scene.table.rows["naks_packets"][scene.rows].tolist() == [1] * 300


def test_what_has_just_been_sent_on_late_is_not_sent_again_for_reports_that_were_under_way() -> None:
    scene = Scene(subscribers=300)
    scene.lose(390)
    scene.recover(390, NOW_US)
    way_us = RTT_US + 4 * RTT_VARIANCE_US + OWN_DELAY_US
    assert scene.report_all(390, NOW_US + way_us - 1) == 0
    assert scene.report_all(390, NOW_US + way_us) == 300
    assert scene.outbox.calls == ["send_each"]


def test_a_round_trip_of_almost_nothing_leaves_time_to_send_a_late_packet_to_all() -> None:
    scene = Scene()
    scene.table.rows["rtt_us"][scene.row] = scene.table.rows["rtt_variance_us"][scene.row] = 0
    scene.recover(390, NOW_US)
    assert scene.report(390, 390, NOW_US + OWN_DELAY_US - 1) == []
    assert scene.report(390, 390, NOW_US + OWN_DELAY_US) == [390]


def test_a_late_packet_does_not_wait_for_a_variation_that_nobody_has_measured() -> None:
    scene = Scene()
    scene.table.rows["rtt_us"][scene.row] = INITIAL_RTT_US
    scene.table.rows["rtt_variance_us"][scene.row] = INITIAL_RTT_VARIANCE_US
    scene.recover(390, NOW_US)
    assert scene.report(390, 390, NOW_US + INITIAL_RTT_US + OWN_DELAY_US - 1) == []
    assert scene.report(390, 390, NOW_US + INITIAL_RTT_US + OWN_DELAY_US) == [390]


def test_all_packets_of_a_batch_and_channel_leave_with_one_call() -> None:
    scene = Scene(subscribers=50)
    scene.handle([(row, words(FIRST_SEQNO + row, FIRST_SEQNO + 200 + row)) for row in scene.rows])
    assert scene.outbox.calls == ["send_each"]
    assert len(scene.take(DATA)) == 100


def test_what_will_never_come_is_said_to_all_who_ask_with_one_call() -> None:
    scene = Scene(subscribers=50)
    scene.lose(10)
    scene.channel.succession = FixedSuccession(scene.channel.stream, hopeless_index=11)
    scene.handle([(row, words(FIRST_SEQNO + 10)) for row in scene.rows])
    assert scene.outbox.calls == ["send_batch"]
    drops = scene.take(ControlType.DROP_REQUEST)
    assert [datagram[16:] for datagram in drops] == [words(FIRST_SEQNO + 10, FIRST_SEQNO + 10)] * 50


def test_what_is_beyond_the_budget_is_refused_and_counted_and_may_be_asked_for_again() -> None:
    scene = Scene()
    assert scene.report(0, 199) == list(range(200))
    assert scene.report(200, 299, NOW_US + ROUND_US) == list(range(200, FIRST_RESENDS_PACKETS))
    assert scene.ignored["resends_beyond_budget"] == 300 - FIRST_RESENDS_PACKETS
    assert scene.table.rows["refused_us"][scene.row] == NOW_US + ROUND_US
    scene.table.rows["sent_packets"][scene.row] = 100
    assert scene.report(FIRST_RESENDS_PACKETS, 299, NOW_US + 2 * ROUND_US) == list(range(256, 300))


def test_of_a_batch_that_asks_for_more_than_can_be_sent_not_everything_is_looked_at() -> None:
    scene = Scene(subscribers=100)
    body = words(0x8000_0000 | FIRST_SEQNO, FIRST_SEQNO + 199)
    scene.handle([(row, body) for row in scene.rows])
    sent = len(scene.take(DATA))
    assert 0 < sent < MAX_WANTED_PACKETS < 100 * 200
    assert +scene.ignored == {"resends_beyond_budget": 100 * 200 - sent}


@pytest.mark.parametrize(("words_of_report", "is_heard"), [(1456, True), (1457, False)])
def test_so_many_words_are_taken_in_within_a_sweep(words_of_report: int, *, is_heard: bool) -> None:
    assert MAX_REPORT_WORDS_PER_SWEEP == 1456
    scene = Scene()
    whole, rest = divmod(words_of_report, 364)
    for length in [364] * (whole - 1) + [364 - 1, 1 + rest]:
        scene.take(DATA)
        scene.handle([(scene.row, words(*[FIRST_SEQNO + 7] * length))], NOW_US)
    assert scene.ignored["too_many_loss_reports"] == (not is_heard)
    scene.reports.handle_sweep()
    assert scene.report(9, 9) == [9]


def test_words_of_several_reports_in_one_batch_add_up_for_each_subscriber() -> None:
    scene = Scene(subscribers=2)
    full, half = words(*[FIRST_SEQNO + 7] * 364), words(*[FIRST_SEQNO + 7] * 182)
    scene.handle([(0, full)] * 4 + [(1, half), (0, words(FIRST_SEQNO + 8)), (1, words(FIRST_SEQNO + 9))])
    assert seqnos(scene.take(DATA)) == [FIRST_SEQNO + 7, FIRST_SEQNO + 7, FIRST_SEQNO + 9]
    assert +scene.ignored == {"too_many_loss_reports": 1}


def test_a_malformed_report_is_counted_under_its_reason() -> None:
    scene = Scene()
    scene.handle([(scene.row, b"\x00\x00\x00")])
    assert scene.outbox.calls == []
    assert +scene.ignored == {"empty_nak": 1}


def test_a_subscriber_that_is_gone_leaves_nothing() -> None:
    scene = Scene()
    scene.report(0, 100)
    scene.reports.forget(scene.row)
    assert len(scene.reports._memory) == 0
