"""Packets taken in runs leave everything as packets taken one by one do: what is kept, counted, said and sent."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from random import Random
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.outbox import CollectingOutbox
from tests.support.srt_datagrams import HERE, PARAMETERS, control, data, kind_of, words
from tests.support.transport import long_descriptors, small_stream, tables

from headrace.base.datagram_batch import DatagramBatch
from headrace.base.seqno import SEQNO_MASK, unwrap_timestamp_us
from headrace.base.sockaddr import encode_sockaddr
from headrace.endpoints import packet_runs, producer_links
from headrace.endpoints.packet_columns import PacketColumns
from headrace.endpoints.producer_links import PRODUCER_ID_BIT, ProducerLinks
from headrace.endpoints.srt_endpoint import SrtEndpoint
from headrace.fanout.ring import BacklogLimit, Ring
from headrace.hub.channel import Channel
from headrace.hub.packet_run import PacketRun
from headrace.hub.producer import Claim, Producer
from headrace.hub.start_points import StartPoints
from headrace.mpegts.packet import MAX_PACKETS_PER_DATAGRAM, TS_PACKET_BYTES, encode_packet, is_transport_stream
from headrace.mpegts.psi import ElementaryStream
from headrace.mpegts.start_finder import Mark
from headrace.mpegts.stream_type import StreamType
from headrace.mpegts.unit_starts import UnitStarts, find_unit_starts
from headrace.srt.connection import Connection
from headrace.srt.listener import ListenerOptions
from headrace.srt.packet import ControlType
from headrace.srt.tsbpd import DeliveryClock

DATAGRAM_BYTES = MAX_PACKETS_PER_DATAGRAM * TS_PACKET_BYTES
START_US = 1_000_000
RIVAL = 2
VIDEO = ElementaryStream(StreamType.H264, 0x100, ())
LONG_TABLES = tables(streams=(ElementaryStream(StreamType.H264, 0x100, long_descriptors(5)),), version=1)
OTHER_TABLES = tables(streams=(ElementaryStream(StreamType.H264, 0x123, ()),), pmt_pid=0x1001, version=2)
FILLING = [encode_packet(pid, 0, bytes(range(184))) for pid in (0x100, 0x101, 0x1000, 0x1001)]
STARTS = [
    encode_packet(pid, 1, b"\0\0\x01\xe0\0\0\x80\0\0\0\0\x01" + unit + bytes(50), payload_unit_start=True)
    for pid in (0x100, 0x123, 0x101)
    for unit in (b"\x65", b"\x41")
]
TABLES = [
    ts[at : at + TS_PACKET_BYTES]
    for ts in (tables(streams=(VIDEO,)), LONG_TABLES, OTHER_TABLES)
    for at in range(0, len(ts), TS_PACKET_BYTES)
]
DAMAGED = [b"\x48" + FILLING[0][1:], STARTS[0][:1] + bytes([STARTS[0][1] | 0x80]) + STARTS[0][2:]]

transport_packets = st.sampled_from([*FILLING, *STARTS, *TABLES, *TABLES, *DAMAGED])
payloads = st.one_of(
    st.lists(transport_packets, min_size=7, max_size=7).map(b"".join),
    st.lists(transport_packets, min_size=1, max_size=7).map(b"".join),
    st.sampled_from([b"x", b"\x47" * 1456, LONG_TABLES[:DATAGRAM_BYTES], OTHER_TABLES, bytes(1317)]),
)


def columns(contents: list[bytes]) -> PacketColumns:
    """Return data packets with these payloads, in rows full of something else."""
    batch = DatagramBatch(len(contents))
    batch.data[:] = 0x47
    for number, content in enumerate(contents):
        batch.append(data(number, content), HERE)
    return PacketColumns.of(batch)


def run_of(contents: list[bytes]) -> PacketRun:
    packets = columns(contents)
    lengths = [len(content) for content in contents]
    unit_starts = find_unit_starts(packets.transport_headers(slice(None)), np.array(lengths))
    return PacketRun(packets.payloads(slice(None)), lengths, [0] * len(contents), unit_starts)


@given(contents=st.lists(payloads, min_size=1, max_size=6))
def test_units_begin_where_each_packets_second_byte_says_so(contents: list[bytes]) -> None:
    expected = [
        (
            number * MAX_PACKETS_PER_DATAGRAM + at // TS_PACKET_BYTES,
            (content[at + 1] & 0x1F) << 8 | content[at + 2],
        )
        for number, content in enumerate(contents)
        if is_transport_stream(content)
        for at in range(0, len(content), TS_PACKET_BYTES)
        if content[at + 1] & 0x40
    ]
    assert run_of(contents).unit_starts == UnitStarts([at for at, _ in expected], [pid for _, pid in expected])


@given(runs=st.lists(st.lists(payloads, min_size=1, max_size=6), min_size=1, max_size=6))
def test_a_look_through_a_run_finds_what_a_look_at_each_packet_finds(runs: list[list[bytes]]) -> None:
    together, one_by_one = StartPoints(), StartPoints()
    index = 0
    for contents in runs:
        for mark, place in together.look_through(run_of(contents)):
            together.note(mark, index * MAX_PACKETS_PER_DATAGRAM + place)
        for content in contents:
            one_by_one.handle_payload(index, content)
            index += 1
        assert starts_of(together) == starts_of(one_by_one)


def starts_of(starts: StartPoints) -> tuple[object, ...]:
    places = {mark: list(starts._places[mark]) for mark in (Mark.PAT, Mark.PMT)}
    return starts.newest_index, starts.keyframe_indices, starts.video_pid, starts.tables, places


@given(
    first=st.integers(0, 40),
    runs=st.lists(
        st.tuples(
            st.integers(0, 3),
            st.sampled_from([100, 2_100, 4_000]),
            st.lists(st.integers(0, 300), min_size=1, max_size=9),
        ),
        max_size=20,
    ),
    backlog_index=st.one_of(st.none(), st.integers(0, 60)),
    loans=st.lists(st.integers(0, 60), max_size=2),
)
def test_a_ring_that_is_given_runs_holds_what_one_given_packets_holds(
    first: int, runs: list[tuple[int, int, list[int]]], backlog_index: int | None, loans: list[int]
) -> None:
    rings = [Ring(2_000, 1024, BacklogLimit(6_000, 1316 * 50)) for _ in range(2)]
    with patch("headrace.fanout.ring.FIRST_CAPACITY_PACKETS", 8):
        for ring in rings:
            assert ring.prepare()
    index, time_us = first, 0
    for ring in rings:
        ring.backlog_index = backlog_index
        for begin in loans:
            ring.lend(begin, 4_000)
    for gap, pause_us, delays_us in runs:
        index += gap
        times_us = [time_us + delay_us for delay_us in delays_us]
        contents = [bytes([(index + row) % 256]) * (1 + (index + row) * 7 % 1456) for row in range(len(delays_us))]
        rows = np.zeros((len(contents), 1456), np.uint8)
        for row, content in enumerate(contents):
            rows[row, : len(content)] = np.frombuffer(content, np.uint8)
        lengths = [len(content) for content in contents]
        together = rings[0].put_run(index, rows, lengths, times_us)
        for row in range(len(contents)):
            for ring in rings[1:] if together else rings:
                ring.put(index + row, rows[row, : lengths[row]], times_us[row])
        index, time_us = index + len(contents), time_us + pause_us
        assert content_of(rings[0]) == content_of(rings[1])


def content_of(ring: Ring) -> tuple[object, ...]:
    filled = np.flatnonzero(ring.indices >= 0)
    kept = [
        (slot, int(ring.indices[slot]), int(ring.times_us[slot]), int(ring.late_us[slot]), payload_of(ring, slot))
        for slot in filled.tolist()
    ]
    return ring.capacity_packets, ring.next_index, ring.backlog_index, kept


def payload_of(ring: Ring, slot: int) -> bytes:
    return ring.store[slot, : ring.lengths[slot]].tobytes()


@given(
    timestamps_us=st.lists(st.integers(0, (1 << 32) - 1), min_size=1, max_size=8),
    handshake_us=st.integers(0, (1 << 32) - 1),
    now_us=st.one_of(st.integers(0, 1 << 40), st.integers((1 << 32) - 5, (1 << 32) + 5)),
    drift_us=st.integers(-5_000, 5_000),
)
def test_timestamps_unwrap_together_as_they_do_alone(
    timestamps_us: list[int], handshake_us: int, now_us: int, drift_us: int
) -> None:
    clock = DeliveryClock(handshake_us, 7_000, 120_000)
    clock._drift.drift_us = drift_us
    clock.handle_arrival(now_us)
    together = clock.origins_us(timestamps_us)
    assert together == [clock.origin_us(timestamp_us) for timestamp_us in timestamps_us]
    near_us = now_us - 7_000 + handshake_us
    alone = [unwrap_timestamp_us(at, near_us) + 7_000 - handshake_us + drift_us for at in timestamps_us]
    assert together == alone


class Side:
    """A broker with two producers in their own channels, a subscriber of each, and perhaps a rival of the first.

    Args:
        is_together: Whether it takes packets in runs.
        first_timestamp_us: Of the producers' clocks when they connect.
    """

    def __init__(self, *, is_together: bool, first_timestamp_us: int) -> None:
        self.outbox = CollectingOutbox()
        self.endpoint = SrtEndpoint(ListenerOptions(), self.outbox, Random(1).randbytes)
        self._is_together = is_together
        self._first_timestamp_us = first_timestamp_us
        for number in range(2):
            channel = self._add_producer(number, f"c{number}", Claim.PRODUCE, START_US)
            subscriber_id = self.endpoint.table.reserve(number)
            assert subscriber_id is not None
            parameters = replace(PARAMETERS, socket_id=subscriber_id, established_us=START_US)
            self.endpoint._subscribers.add(parameters, address_of(10 + number), channel, START_US)

    def add_rival(self, now_us: int) -> None:
        """Let a third producer take over the first one's channel."""
        if PRODUCER_ID_BIT + RIVAL not in self.endpoint._producers._links:
            self._add_producer(RIVAL, "c0", Claim.TAKE_OVER, now_us)

    def _add_producer(self, number: int, channel_id: str, claim: Claim, now_us: int) -> Channel:
        channel = self.endpoint.hub.open_channel(channel_id)
        assert channel is not None
        parameters = replace(
            PARAMETERS,
            socket_id=PRODUCER_ID_BIT + number,
            receive_seqno=SEQNO_MASK - 20,
            peer_timestamp_us=(self._first_timestamp_us + now_us - START_US) & 0xFFFF_FFFF,
            established_us=now_us,
            flow_window_packets=300,
        )
        producer = Producer(Connection(parameters), address_of(number), claim)
        self.endpoint._producers.add(producer, channel, now_us)
        return channel

    @contextmanager
    def _in_its_way(self) -> Iterator[None]:
        least = packet_runs.MIN_RUN_PACKETS if self._is_together else 1 << 30
        with patch.object(producer_links, "MIN_RUN_PACKETS", least):
            yield

    def take(self, datagrams: list[tuple[bytes, bytes]], now_us: int) -> None:
        batch = DatagramBatch(len(datagrams))
        for datagram, address in datagrams:
            assert batch.append(datagram, address)
        with self._in_its_way():
            self.endpoint.handle_batch(batch, now_us)
        batch.data[:] = 0xAA

    def state(self) -> dict[str, object]:
        """Return everything that two brokers must agree on."""
        links = self.endpoint._producers._links
        return {
            "ignored": +self.endpoint.ignored_packets,
            "timer": self.endpoint.poll_timer(),
            "rebindings": len(self.endpoint._producers._rebindings),
            "subscribers": self.endpoint.table.rows.tobytes(),
            "channels": [
                (
                    content_of(channel.ring),
                    starts_of(channel.stream._starts),
                    channel.lineup.heard_us,
                    channel.succession.switches,
                    channel.succession.needs_timer,
                    [content_of(standby.ring) for standby in channel.lineup.standbys],
                )
                for channel in self.endpoint.hub.channels.values()
            ],
            "producers": [
                (
                    link.producer.address,
                    repr(link.producer.connection.statistics),
                    link.producer.connection.heard_us,
                    link.producer.connection.poll_timer(),
                    link.producer.connection.poll_delivery_timer(),
                    link.producer.connection.receiver.losses.ranges(),
                    link.producer.connection.receiver.ack_index,
                    link.producer.connection.receiver.delivery_index,
                    link.channel.succession.hopeless_index,
                )
                for link in links.values()
            ],
        }


def address_of(number: int) -> bytes:
    return encode_sockaddr("10.0.0.9", 4000 + number)


class Sending:
    """What two producers send.

    Args:
        first_timestamp_us: Of their clocks when they connect.
    """

    def __init__(self, first_timestamp_us: int) -> None:
        self._first_timestamp_us = first_timestamp_us
        self.next_index = [SEQNO_MASK - 20] * 3

    def packet(self, who: int, index: int, content: bytes, now_us: int, word1: int) -> bytes:
        timestamp_us = self._first_timestamp_us + now_us - START_US + index % 5 * 100
        to = PRODUCER_ID_BIT + who
        return data(index & SEQNO_MASK, content, timestamp_us=timestamp_us & 0xFFFF_FFFF, word1=word1, to=to)


ACTIONS = st.one_of(
    st.tuples(st.just("send"), st.integers(0, RIVAL), st.lists(payloads, min_size=1, max_size=12)),
    st.tuples(st.just("burst"), st.integers(0, RIVAL), st.integers(50, 150)),
    st.tuples(st.just("lose"), st.integers(0, RIVAL), st.integers(1, 5)),
    st.tuples(st.just("jump"), st.integers(0, RIVAL), st.sampled_from([270, 295, 300, 305, 9_000])),
    st.tuples(st.just("back"), st.integers(0, RIVAL), st.sampled_from([270, 295, 300, 305])),
    st.tuples(st.just("again"), st.integers(0, RIVAL), st.integers(1, 25)),
    st.tuples(st.just("recover"), st.integers(0, RIVAL), st.integers(1, 25)),
    st.tuples(st.just("flags"), st.integers(0, RIVAL), st.sampled_from([0x6000_0001, 0xE800_0001, 0xF000_0001])),
    st.tuples(st.just("stranger"), st.integers(0, RIVAL), st.integers(1, 4)),
    st.tuples(st.just("moved"), st.integers(0, RIVAL), st.integers(1, 4)),
    st.tuples(st.just("empty"), st.integers(0, RIVAL), st.just(0)),
    st.tuples(st.just("drop"), st.integers(0, RIVAL), st.integers(1, 9)),
    st.tuples(st.just("shutdown"), st.integers(0, RIVAL), st.just(0)),
    st.tuples(st.just("nobody"), st.just(0), st.just(0)),
    st.tuples(st.just("rival"), st.just(0), st.just(0)),
)


PLAIN = 0xE000_0001
RESENT = PLAIN | 0x0400_0000
NEW = "send", "burst", "lose", "jump", "moved"


def datagrams_of(sending: Sending, action: tuple[str, int, object], now_us: int) -> list[tuple[bytes, bytes]]:
    kind, who, what = action
    at, address = sending.next_index[who], address_of(who)
    contents = what if isinstance(what, list) else []
    count = what if isinstance(what, int) else len(contents)
    if kind in NEW:
        sending.next_index[who] += count
    if kind == "back":
        sending.next_index[who] -= count
    if kind in {"lose", "jump", "back", "rival"}:
        return []
    if kind in {"drop", "shutdown", "nobody"}:
        return [(datagram, address) for datagram in others_of(kind, who, at, count)]
    word1 = {"recover": RESENT, "flags": count}.get(kind, PLAIN)
    first = at - count if kind in {"again", "recover"} else at
    address = {"stranger": encode_sockaddr("10.0.0.7", 4000), "moved": address_of(20 + who)}.get(kind, address)
    if kind == "empty":
        contents = [b"", b""]
    elif not contents:
        contents = [bytes([index % 256]) * DATAGRAM_BYTES for index in range(3 if kind == "flags" else count)]
    return [
        (sending.packet(who, first + row, content, now_us, word1), address) for row, content in enumerate(contents)
    ]


def others_of(kind: str, who: int, at: int, count: int) -> list[bytes]:
    to = PRODUCER_ID_BIT + who
    if kind == "drop":
        return [control(ControlType.DROP_REQUEST, words((at - count) & SEQNO_MASK, (at - 1) & SEQNO_MASK), to=to)]
    if kind == "shutdown":
        return [control(ControlType.SHUTDOWN, bytes(4), to=to)]
    return [data(number, to=unknown) for unknown in (0, PRODUCER_ID_BIT + 77) for number in range(3)]


STEPS = st.lists(
    st.tuples(st.sampled_from([0, 1_000, 10_000, 33_000, 130_000, 3_000_000]), st.lists(ACTIONS, max_size=5)),
    min_size=1,
    max_size=12,
)
BURSTS: list[tuple[int, list[tuple[str, int, object]]]] = [
    (33_000, [("burst", 0, 100), ("burst", 1, 60)]) for _ in range(12)
]

TAKE_OVER: list[tuple[int, list[tuple[str, int, object]]]] = [
    (
        33_000,
        [
            ("rival" if number == 3 else "shutdown" if number == 9 else "lose", 0, 0),
            ("burst", 0, 60),
            ("burst", RIVAL, 90),
        ],
    )
    for number in range(12)
]
OVERFLOW: list[tuple[int, list[tuple[str, int, object]]]] = [
    (
        0,
        [
            ("burst", 0, 50),
            ("jump", 0, 250),
            ("burst", 0, 2),
            ("back", 0, 252),
            ("burst", 0, 100),
            ("burst", 0, 152),
        ],
    ),
    (200_000, [("burst", 0, 100)]),
]
"""The receiver has no room for two packets that the ring keeps."""


@settings(max_examples=60)
@given(steps=STEPS, first_timestamp_us=st.sampled_from([0, (1 << 32) - 100_000, (1 << 31) + 5]))
@example(steps=OVERFLOW, first_timestamp_us=0)
@example(steps=TAKE_OVER, first_timestamp_us=0)
@example(steps=BURSTS, first_timestamp_us=(1 << 32) - 100_000)
@example(
    steps=[(33_000, [("send", 0, [small_stream()[at : at + 1316] for at in range(0, 9000, 1316)])])] * 9,
    first_timestamp_us=0,
)
def test_a_broker_that_takes_runs_is_one_that_takes_packets(
    steps: list[tuple[int, list[tuple[str, int, object]]]], first_timestamp_us: int
) -> None:
    together, one_by_one = (
        Side(is_together=is_t, first_timestamp_us=first_timestamp_us) for is_t in (True, False)
    )
    sending = Sending(first_timestamp_us)
    now_us = START_US
    for delay_us, actions in steps:
        now_us += delay_us
        for side in (together, one_by_one):
            side.endpoint.handle_timer(now_us)
        said, expected = together.outbox.take(), one_by_one.outbox.take()
        assert said == expected
        answers = [
            (control(ControlType.ACKACK, info=int.from_bytes(d[4:8], "big"), to=PRODUCER_ID_BIT), address)
            for d, address in said
            if kind_of(d) == ControlType.ACK and address == address_of(0)
        ]
        datagrams = [item for action in actions for item in datagrams_of(sending, action, now_us)]
        for side in (together, one_by_one):
            if ("rival", 0, 0) in actions:
                side.add_rival(now_us)
            side.take(answers + datagrams, now_us)
        assert together.outbox.take() == one_by_one.outbox.take()
        assert together.state() == one_by_one.state()


def test_a_burst_is_indeed_taken_together(monkeypatch: pytest.MonkeyPatch) -> None:
    side = Side(is_together=True, first_timestamp_us=0)
    monkeypatch.delattr(ProducerLinks, "handle_packet")
    side.take(datagrams_of(Sending(0), ("burst", 0, 60), START_US), START_US)
    assert side.endpoint.hub.channels["c0"].ring.next_index == 60
