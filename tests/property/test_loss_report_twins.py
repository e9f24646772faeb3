"""Loss reports settled in bulk get what each of them gets from the plain twin."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.fanout_tables import address, payload, subscribe
from tests.support.outbox import CollectingOutbox
from tests.support.plain_loss_reports import PlainLossReports, PlainSubscriber
from tests.support.srt_datagrams import control, kind_of, words
from tests.support.successions import FixedSuccession

from headrace.base.datagram_batch import DatagramBatch
from headrace.base.errors import PacketError
from headrace.base.seqno import SEQNO_MASK, seqno_distance
from headrace.endpoints.loss_reports import LossReports
from headrace.endpoints.outlet import Outlet
from headrace.endpoints.packet_columns import PacketColumns
from headrace.endpoints.resender import Resender
from headrace.fanout.loss_columns import decode_loss_reports
from headrace.fanout.resends import totals_before
from headrace.fanout.ring import Ring
from headrace.fanout.subscriber_table import SubscriberTable
from headrace.hub.channel import Channel
from headrace.netio.outbox import DatagramQueue
from headrace.srt.packet import ControlType, decode_loss_report

PACKETS = 300
START_US = 1_000_000
BEGIN = 0x8000_0000
WORDS = st.one_of(
    st.integers(0, 5),
    st.integers(SEQNO_MASK - 5, SEQNO_MASK),
    st.integers(BEGIN, BEGIN + 5),
    st.integers(0xFFFF_FFFA, 0xFFFF_FFFF),
    st.integers(0, 0xFFFF_FFFF),
)
BODIES = st.builds(lambda values, rest: words(*values) + rest, st.lists(WORDS, max_size=6), st.binary(max_size=3))


@given(bodies=st.lists(BODIES, max_size=6), dirt=st.integers(0, 255))
def test_decoded_loss_reports_are_those_of_one_after_the_other(bodies: list[bytes], dirt: int) -> None:
    counts = np.array([len(body) // 4 for body in bodies], np.int64)
    rows = np.full((len(bodies), 4 * int(counts.max(initial=0))), dirt, np.uint8)
    for row, body in enumerate(bodies):
        rows[row, : 4 * counts[row]] = np.frombuffer(body, np.uint8, 4 * counts[row])
    spans, malformed = decode_loss_reports(rows, counts)
    expected: list[tuple[int, int, int]] = []
    reasons: Counter[str] = Counter()
    for report, body in enumerate(bodies):
        try:
            expected += [(report, first, last) for first, last in decode_loss_report(body)]
        except PacketError as error:
            reasons[error.reason] += 1
    assert list(zip(*(column.tolist() for column in spans), strict=True)) == expected
    assert +malformed == reasons
    assert (spans.first >= 0).all()
    assert (spans.last <= SEQNO_MASK).all()


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), max_size=20))
def test_totals_before_are_those_of_a_loop(items: list[tuple[int, int]]) -> None:
    sums: Counter[int] = Counter()
    expected = []
    for key, amount in items:
        expected.append(sums[key])
        sums[key] += amount
    columns = np.array(items, np.int64).reshape(-1, 2)
    assert totals_before(columns[:, 0], columns[:, 1]).tolist() == expected


@dataclass(frozen=True, slots=True)
class Plan:
    """A channel: how many slots its ring has, what it never got, what it got late and from when on all is lost."""

    slots: int
    missing: frozenset[int]
    late: dict[int, int]
    hopeless_index: int

    def build(self, table: SubscriberTable, channel_id: str) -> Channel:
        channel = Channel(channel_id, table)
        ring = Ring(max_packets=self.slots)
        for index in range(PACKETS):
            if index not in self.missing:
                ring.put(index, payload(index), index)
        for index, ago_us in self.late.items():
            if ring.holds(np.array([index]))[0]:
                ring.late_us[ring.slots(np.array([index]))] = START_US - ago_us
        channel.ring = ring
        channel.succession = FixedSuccession(channel.stream, self.hopeless_index)
        return channel


PLANS = st.builds(
    Plan,
    st.sampled_from([64, 256, 512]),
    st.frozensets(st.integers(0, PACKETS - 2), max_size=20)
    | st.integers(0, 250).map(lambda begin: frozenset(range(begin, min(begin + 150, PACKETS - 1)))),
    st.dictionaries(st.integers(0, PACKETS - 1), st.integers(0, 200_000), max_size=20),
    st.integers(0, PACKETS),
)
TIMES_US = st.one_of(st.just(0), st.integers(0, 20_000), st.integers(0, 100_000), st.just(2_500_000))
INDEX_RANGES = st.one_of(
    st.tuples(st.integers(-5, PACKETS + 5), st.integers(0, 3)),
    st.tuples(st.integers(-5, PACKETS + 5), st.integers(0, PACKETS)),
    st.tuples(st.integers(-(1 << 29), 1 << 29), st.integers(-5, 1 << 29)),
)
REPORTS = st.lists(
    st.tuples(st.integers(0, 3), st.one_of(st.lists(INDEX_RANGES, min_size=1, max_size=4), BODIES)), max_size=6
)


@dataclass(frozen=True, slots=True)
class Member:
    """A subscriber as the test draws it."""

    first_seqno: int
    start_index: int
    behind: int
    rtt_us: int
    rtt_variance_us: int
    own_packets: int
    fair_packets: int


MEMBERS = st.builds(
    Member,
    st.one_of(st.integers(0, SEQNO_MASK), st.integers(SEQNO_MASK - 400, SEQNO_MASK)),
    st.sampled_from([0, 0, 0, 20, 250]),
    st.sampled_from([0, 0, 0, 1, 40]),
    st.sampled_from([0, 500, 50_000, 150_000]),
    st.sampled_from([0, 5_000]),
    st.sampled_from([0, 3, 256]),
    st.sampled_from([0, 3, 256]),
)


class Both:
    """The broker's way and the plain one, beside each other."""

    def __init__(self, plans: list[Plan], members: list[Member], shared_packets: int) -> None:
        self.table = SubscriberTable()
        self.outbox = CollectingOutbox()
        self.ignored: Counter[str] = Counter()
        channels: dict[int, Channel] = {}
        resender = Resender(self.table, Outlet(self.table, self.outbox), DatagramQueue(self.outbox))
        self.bulk = LossReports(self.table, channels, resender, self.ignored)
        self.plain = PlainLossReports()
        self.bulk.budget._pool.shared_packets = self.plain._shared_packets = shared_packets
        made = [plan.build(self.table, f"c{number}") for number, plan in enumerate(plans)]
        self.subscribers: list[PlainSubscriber] = []
        for number, member in enumerate(members):
            channel, plan = made[number % len(made)], plans[number % len(made)]
            row = subscribe(self.table, number, send_seqno=member.first_seqno)
            assert row == number
            channels[row] = channel
            entry = self.table.rows[row]
            next_index = max(PACKETS - member.behind, member.start_index)
            entry["start_index"], entry["next_index"] = member.start_index, next_index
            entry["rtt_us"], entry["rtt_variance_us"] = member.rtt_us, member.rtt_variance_us
            entry["resend_credit_packets"] = member.own_packets
            entry["fair_credit_packets"] = member.fair_packets
            self.subscribers.append(
                PlainSubscriber(
                    ring=channel.ring,
                    hopeless_index=plan.hopeless_index,
                    seqno_offset=member.first_seqno,
                    start_index=member.start_index,
                    next_index=next_index,
                    rtt_us=member.rtt_us,
                    rtt_variance_us=member.rtt_variance_us,
                    own_packets=member.own_packets,
                    fair_packets=member.fair_packets,
                    credited_us=int(entry["credited_us"]),
                )
            )

    def send(self, packets: int) -> None:
        for row, subscriber in enumerate(self.subscribers):
            self.table.rows["sent_packets"][row] += packets
            subscriber.earned_packets += packets
            self.bulk.budget.note_sent(packets)
            self.plain.note_sent(packets)

    def report(self, reports: list[tuple[int, list[tuple[int, int]] | bytes]], now_us: int) -> None:
        batch = DatagramBatch(16)
        rows, plain = [], []
        for who, content in reports:
            row = who % len(self.subscribers)
            body = content if isinstance(content, bytes) else self._body(row, content)
            batch.append(control(ControlType.NAK, body), address(row))
            rows.append(row)
            plain.append((self.subscribers[row], body))
        places = np.arange(len(rows), dtype=np.intp)
        self.bulk.handle_reports(PacketColumns.of(batch), places, np.array(rows, np.intp), now_us)
        self.plain.handle_batch(plain, now_us)

    def _body(self, row: int, ranges: list[tuple[int, int]]) -> bytes:
        offset = self.subscribers[row].seqno_offset
        values: list[int] = []
        for first, more in ranges:
            seqno = (first + offset) & SEQNO_MASK
            values += [seqno] if more == 0 else [BEGIN | seqno, (seqno + more) & SEQNO_MASK]
        return words(*values)

    def assert_same(self) -> None:
        resent: list[list[int]] = [[] for _ in self.subscribers]
        gone: list[list[tuple[int, int]]] = [[] for _ in self.subscribers]
        for datagram, to in self.outbox.take():
            row = next(row for row in range(len(self.subscribers)) if address(row) == to)
            subscriber = self.subscribers[row]
            newest = (subscriber.next_index + subscriber.seqno_offset) & SEQNO_MASK
            if kind_of(datagram) is None:
                seqno = int.from_bytes(datagram[:4], "big")
                resent[row].append(subscriber.next_index + seqno_distance(newest, seqno))
                assert datagram[16:] == payload(resent[row][-1]).tobytes()
            else:
                assert kind_of(datagram) == ControlType.DROP_REQUEST
                assert len(datagram) == 24
                first, last = (int.from_bytes(datagram[at : at + 4], "big") for at in (16, 20))
                index = subscriber.next_index + seqno_distance(newest, first)
                gone[row].append((index, index + seqno_distance(first, last)))
        assert resent == [subscriber.resent for subscriber in self.subscribers]
        assert gone == [subscriber.gone for subscriber in self.subscribers]
        assert +self.ignored == +self.plain.ignored
        for row, subscriber in enumerate(self.subscribers):
            entry = self.table.rows[row]
            for name in ("naks_packets", "refused_us", "starving_us"):
                assert entry[name] == getattr(subscriber, name)
            assert entry["resent_packets"] == len(subscriber.resent)
            if subscriber.earned_packets == 0:
                assert entry["resend_credit_packets"] == pytest.approx(subscriber.own_packets)
                assert entry["fair_credit_packets"] == pytest.approx(subscriber.fair_packets)


@given(
    plans=st.lists(PLANS, min_size=1, max_size=3),
    members=st.lists(MEMBERS, min_size=1, max_size=4),
    shared_packets=st.sampled_from([0, 2, 10_000]),
    batches=st.lists(st.tuples(TIMES_US, st.sampled_from([0, 5, 100]), REPORTS), max_size=4),
)
def test_a_batch_of_loss_reports_is_answered_as_by_looking_at_each_packet(
    *,
    plans: list[Plan],
    members: list[Member],
    shared_packets: int,
    batches: list[tuple[int, int, list[tuple[int, list[tuple[int, int]] | bytes]]]],
) -> None:
    both = Both(plans, members, shared_packets)
    now_us = START_US
    for after_us, sent_packets, reports in batches:
        now_us += after_us
        both.send(sent_packets)
        both.report(reports, now_us)
    both.assert_same()
