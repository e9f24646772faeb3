"""The broker's SRT endpoint as its peers see it: no socket, no real clock."""

import struct
from collections.abc import MutableMapping
from dataclasses import replace
from typing import Any

import pytest
import structlog
import structlog.testing
from tests.simnet.link import SimLink
from tests.simnet.srt_ports import CallerPort
from tests.support.access import closed_directory, token
from tests.support.answers import open_answers
from tests.support.broker_world import BROKER, MS, SECOND, World
from tests.support.libsrt_captures import CAPTURES
from tests.support.srt_datagrams import control, data, kind_of, of_kind, words

from headrace.access.ask import Ask, Verb
from headrace.access.channel_rule import ChannelRule
from headrace.access.directory import Directory
from headrace.access.gate import Denial
from headrace.access.hook import HookQuestion
from headrace.base.datagram_batch import DatagramBatch
from headrace.base.sockaddr import encode_sockaddr
from headrace.endpoints import producer_links
from headrace.endpoints.admissions import Admitted
from headrace.endpoints.channel_taps import OpenTap
from headrace.endpoints.line_window import MAX_LINES_PER_WINDOW, WINDOW_US
from headrace.endpoints.srt_endpoint import MIN_SUBSCRIBER_MSS_BYTES
from headrace.fanout import subscriber_table
from headrace.hub.hub import MAX_CHANNELS
from headrace.hub.limits import Limits
from headrace.srt.caller import Caller, CallerOptions, ConnectTimeoutError
from headrace.srt.handshake import Handshake, HandshakeType, decode_handshake, encode_handshake
from headrace.srt.packet import ControlType
from headrace.srt.rejection import ConnectionRejectedError, RejectReason

STRANGER = encode_sockaddr("10.9.9.9", 999)
PUBLISH = "#!::r=A,m=publish"


def broker_id(peer: CallerPort) -> int:
    """Return the broker's socket id of a peer's connection."""
    return peer.connection.parameters.peer_socket_id


def address_of(world: World, peer: CallerPort) -> bytes:
    return next(address for address, port in world.network._ports.items() if port.endpoint is peer)


def refusal_of(world: World, stream_id: str) -> int:
    caller = world.call(stream_id)
    world.run(3 * SECOND)
    assert isinstance(caller.caller.error, ConnectionRejectedError), caller.caller.error
    return caller.caller.error.code


@pytest.mark.parametrize("stream_id", ["A", "request:A", "#!::r=A", "#!::r=A,m=request,u=someone"])
@pytest.mark.parametrize("publish", [PUBLISH, "publish:A"])
def test_what_a_producer_sends_reaches_a_subscriber(stream_id: str, publish: str) -> None:
    world = World()
    producer = world.join(publish)
    subscriber = world.join(stream_id)
    sent = world.send(producer, 30)
    world.run(SECOND)
    assert subscriber.payloads == sent
    assert world.ignored == {}


def test_a_subscriber_may_come_before_the_producer_and_waits() -> None:
    world = World()
    subscriber = world.join("A")
    world.run(30 * SECOND)
    assert subscriber.connection.close_reason is None
    producer = world.join(PUBLISH)
    sent = world.send(producer, 10)
    world.run(SECOND)
    assert subscriber.payloads == sent


def test_a_subscriber_gets_what_is_sent_from_its_coming_on() -> None:
    world = World()
    producer = world.join(PUBLISH)
    world.send(producer, 10)
    subscriber = world.join("A")
    sent = world.send(producer, 10)
    world.run(SECOND)
    assert subscriber.payloads == sent
    assert subscriber.deliveries[0][1].packet_index == subscriber.connection.parameters.receive_seqno


def test_channels_are_apart() -> None:
    world = World()
    one, other = world.join("publish:A"), world.join("publish:B")
    reads_one, reads_other = world.join("A"), world.join("B")
    sent_one, sent_other = world.send(one, 5), world.send(other, 7)
    world.run(SECOND)
    assert reads_one.payloads == sent_one
    assert reads_other.payloads == sent_other


@pytest.mark.parametrize("says_goodbye", [True, False])
def test_a_producer_that_comes_back_goes_on_in_the_same_subscription(*, says_goodbye: bool) -> None:
    world = World()
    subscriber = world.join("A")
    first = world.join(PUBLISH)
    sent = world.send(first, 20)
    if says_goodbye:
        first.connection.close(world.now_us)
    else:
        first.is_dead = True
    world.run(2 * SECOND)
    again = world.join(PUBLISH)
    sent += world.send(again, 20)
    world.run(SECOND)
    assert subscriber.payloads == sent
    indices = [delivery.packet_index for _, delivery in subscriber.deliveries]
    assert indices == list(range(indices[0], indices[0] + 40))
    assert subscriber.connection.statistics.receiver.dropped_packets == 0


def test_a_producer_that_comes_back_is_delivered_on_time() -> None:
    world = World()
    subscriber = world.join("A")
    first = world.join(PUBLISH)
    world.send(first, 5)
    first.connection.close(world.now_us)
    world.run(10 * SECOND)
    sent_us = world.now_us
    world.send(world.join(PUBLISH), 1)
    world.run(SECOND)
    assert len(subscriber.deliveries) == 6
    delivered_us = subscriber.deliveries[-1][0]
    assert abs(delivered_us - sent_us - 120 * MS) < 5 * MS


def test_a_second_live_producer_is_refused_and_the_first_goes_on() -> None:
    world = World()
    first, subscriber = world.join(PUBLISH), world.join("A")
    rival = world.call(PUBLISH)
    sent = world.send(first, 100)
    assert isinstance(rival.caller.error, ConnectionRejectedError)
    assert rival.caller.error.code == RejectReason.CONFLICT
    world.run(SECOND)
    assert subscriber.payloads == sent


def test_a_second_producer_is_refused_when_the_first_is_silent_but_alive() -> None:
    world = World()
    world.join(PUBLISH)
    world.run(2 * SECOND)
    assert refusal_of(world, PUBLISH) == RejectReason.CONFLICT


def test_a_killed_producer_is_replaced_within_a_second() -> None:
    world = World()
    first = world.join(PUBLISH)
    world.send(first, 20)
    first.is_dead = True
    called_us = world.now_us
    second = world.join(PUBLISH)
    assert world.now_us - called_us < SECOND
    assert world.channel("A").lineup.holder is not None
    # What is left of the first is ignored from then on.
    world.inject(data(1, to=broker_id(first)), address_of(world, first))
    assert world.ignored == {"unknown_connection": 1}
    assert len(world.endpoint._producers) == 1
    assert second.connection.close_reason is None


def test_a_refused_rival_that_tries_again_is_refused_again() -> None:
    world = World()
    first = world.join(PUBLISH)
    for _ in range(3):
        rival = world.call(PUBLISH)
        world.send(first, 100)
        assert isinstance(rival.caller.error, ConnectionRejectedError)
    first.is_dead = True
    world.join(PUBLISH)


@pytest.mark.parametrize(
    ("stream_id", "code"),
    [
        ("", RejectReason.BAD_REQUEST),
        ("publish:", RejectReason.BAD_REQUEST),
        ("../../etc/passwd", RejectReason.BAD_REQUEST),
        ("#!::m=publish", RejectReason.BAD_REQUEST),
        ("#!::r=A,m=steal", RejectReason.BAD_REQUEST),
        ("#!::r=A,nonsense", RejectReason.BAD_REQUEST),
        ("#!::r=A,m=bidirectional", RejectReason.BAD_MODE),
    ],
)
def test_a_stream_id_that_cannot_be_served_is_refused_with_its_code(stream_id: str, code: RejectReason) -> None:
    world = World()
    assert refusal_of(world, stream_id) == code
    assert world.endpoint.hub.channels == {}


def test_too_many_channels_are_refused_and_one_fewer_is_served() -> None:
    world = World()
    for number in range(MAX_CHANNELS - 1):
        world.endpoint.hub.open_channel(f"c{number}")
    world.join("A")
    assert refusal_of(world, "B") == refusal_of(world, "publish:B") == RejectReason.OVERLOAD
    world.join("A")


def test_too_many_producers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(producer_links, "MAX_PRODUCERS", 2)
    world = World()
    world.join("publish:A")
    leaving = world.join("publish:B")
    assert refusal_of(world, "publish:C") == RejectReason.OVERLOAD
    assert set(world.endpoint.hub.channels) == {"A", "B"}
    leaving.connection.close(world.now_us)
    world.join("publish:C")


def test_too_many_subscribers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriber_table, "MAX_SUBSCRIBERS", 64)
    world = World()
    callers = [world.join("A") for _ in range(64)]
    assert refusal_of(world, "A") == RejectReason.OVERLOAD
    callers[0].connection.close(world.now_us)
    world.join("A")


def turned_away(world: World) -> dict[str, int]:
    return {name: count for name, count in world.endpoint.limits_reached.items() if count}


@pytest.mark.parametrize(
    ("limits", "name"),
    [
        (Limits(connections=3), "connections"),
        (Limits(channels=1), "channels"),
        (Limits(subscribers_per_channel=2), "subscribers_of_channel"),
    ],
)
def test_as_many_as_a_limit_allows_are_let_in_and_the_next_one_is_told_and_counted(
    limits: Limits, name: str
) -> None:
    world = World(limits=limits)
    peers = [world.join(PUBLISH), world.join("A"), world.join("A")]
    assert turned_away(world) == {}
    one_more = "B" if name == "channels" else "A"
    assert refusal_of(world, one_more) == RejectReason.OVERLOAD
    assert turned_away(world) == {name: 1}
    for peer in peers:
        peer.connection.close(world.now_us)
    world.run(MS)
    world.join(one_more)


def test_one_host_is_turned_away_at_its_limit_while_others_are_let_in() -> None:
    world = World(limits=Limits(connections_per_host=2))
    crowded = [encode_sockaddr("10.7.7.7", port) for port in (1, 2, 3)]
    first, _ = (world.join("A", address) for address in crowded[:2])
    caller = world.call("A", crowded[2])
    world.run(3 * SECOND)
    assert isinstance(caller.caller.error, ConnectionRejectedError)
    assert caller.caller.error.code == RejectReason.OVERLOAD
    assert turned_away(world) == {"connections_of_host": 1}
    world.join("A")
    first.connection.close(world.now_us)
    world.run(MS)
    world.join("A", crowded[2])


def test_ten_thousand_that_call_and_never_come_back_cost_nothing_as_nothing_is_half_open() -> None:
    world = World(limits=Limits(connections=1))
    call = control(0, encode_handshake(Handshake(4, 0, 2, 9, 1500, 8192, HandshakeType.INDUCTION, 3)), to=0)
    batch = DatagramBatch(512)
    for number in range(10_000 // 512):
        batch.count = 0
        while batch.append(call, encode_sockaddr(f"10.{number}.{batch.count >> 8}.{batch.count & 0xFF}", 9)):
            pass
        world.endpoint.handle_batch(batch, world.now_us)
        world.port.poll_datagrams()
        world.run(100 * MS)
    assert_nothing_is_left(world)
    assert len(world.endpoint._crowd) == 0
    world.join("A")


def test_a_producer_over_its_limit_is_sent_away_and_one_at_it_is_not() -> None:
    world = World(limits=Limits(producer_bits_per_second=8 * 16_000))
    modest, greedy = world.join("publish:A"), world.join("publish:B")
    payload = bytes(1_000)
    for _ in range(400):
        modest.send(payload, world.now_us)
        for _ in range(2 * (greedy.connection.close_reason is None)):
            greedy.send(payload, world.now_us)
        world.run(SECOND // 16)
    assert modest.connection.close_reason is None
    assert greedy.connection.close_reason == "peer_shutdown"
    assert turned_away(world) == {"producer_bitrate": 1}
    gone = [event.facts for event in world.endpoint.events.newest if event.what == "producer gone"]
    assert [(facts["channel"], facts["reason"]) for facts in gone] == [("B", "bitrate_exceeded")]


def test_a_flood_is_sifted_without_touching_whom_it_is_not_from() -> None:
    world = World()
    producer, subscriber = world.join(PUBLISH), world.join("A")
    sent = []
    for round_number in range(20):
        batch = DatagramBatch(200)
        producer.connection.send(b"payload %d" % round_number, world.now_us)
        sent.append(b"payload %d" % round_number)
        honest = [(datagram, address_of(world, producer)) for datagram, _ in producer.poll_datagrams()]
        for to in (1 << 30, 0xFFFF_FFFF, broker_id(producer)):
            for _ in range(50):
                batch.append(data(1, to=to), STRANGER)
        for datagram, address in honest:
            batch.append(datagram, address)
        world.endpoint.handle_batch(batch, world.now_us)
        world.run(20 * MS)
    world.run(SECOND)
    assert subscriber.payloads == sent
    assert world.ignored == {"unknown_connection": 20 * 100, "foreign_address": 20 * 50}
    assert world.endpoint._producers._sieve._until_us > 0


def test_a_repeated_conclusion_gets_the_same_connection() -> None:
    world = World()
    subscriber = world.call("A")
    conclusions: list[bytes] = []

    def keep(datagram: bytes) -> bool:
        if kind_of(datagram) == ControlType.HANDSHAKE:
            conclusions.append(datagram)
        return False

    subscriber.drops = keep
    world.run(SECOND)
    answers = world.inject(conclusions[-1], address_of(world, subscriber))
    assert len(answers) == 1
    assert answers[0][0][16 + 24 : 16 + 28] == words(broker_id(subscriber))
    assert world.endpoint.table.count == 1


@pytest.mark.parametrize("role", ["publish:A", "A"])
def test_a_stranger_that_knows_a_socket_id_is_ignored(role: str) -> None:
    world = World()
    producer = world.join("publish:A") if role == "A" else None
    peer = world.join(role)
    subscriber = peer if role == "A" else world.join("A")
    producer = producer or peer
    spoofed = [
        control(ControlType.SHUTDOWN, bytes(4), to=broker_id(peer)),
        control(ControlType.ACK, words(*[5] * 7), info=1, to=broker_id(peer)),
        data(7, to=broker_id(peer)),
    ]
    assert [world.inject(datagram, STRANGER) for datagram in spoofed] == [[], [], []]
    sent = world.send(producer, 5)
    world.run(SECOND)
    assert subscriber.payloads == sent
    assert sum(world.ignored.values()) == 3
    assert set(world.ignored) == {"foreign_address" if role != "A" else "unknown_connection"}


def malformed(world: World, producer: CallerPort, subscriber: CallerPort) -> dict[str, list[tuple[bytes, bytes]]]:
    """Return datagrams, each with its sender, under the reason that they are counted under."""
    a_producer, a_subscriber = address_of(world, producer), address_of(world, subscriber)
    to_p, to_s = broker_id(producer), broker_id(subscriber)
    seqno = producer.connection.parameters.send_seqno
    junk_hsreq = struct.pack(">HH", 1, 1) + bytes(4)
    cookie = world.endpoint._listener.cookie(STRANGER, 0)
    conclusion, uninvited = (
        struct.pack(">IHHIIIIII16s", 5, 0, 1, 1, 1500, 8192, 0xFFFF_FFFF, 7, made, bytes(16))
        for made in (cookie, 0)
    )
    return {
        "short_header": [(b"", STRANGER), (b"x", STRANGER), (bytes(15), a_producer), (bytes(3), a_subscriber)],
        "no_destination": [(bytes(16), STRANGER), (control(9, to=0), STRANGER), (bytes(1400), a_subscriber)],
        "short_handshake": [(control(0, to=0), STRANGER), (control(0, bytes(47), to=0), STRANGER)],
        "short_hsreq": [(control(0, conclusion + junk_hsreq, to=0), STRANGER)],
        "extension_over_the_end": [(control(0, conclusion + b"\0\1\xff\xff", to=0), STRANGER)],
        "bad_cookie": [(control(0, uninvited, to=0), STRANGER)],
        "unexpected_handshake_type": [(control(0, bytes(48), to=0), STRANGER)],
        "unknown_connection": [
            (data(1, to=0x3FFF_FFFF), STRANGER),
            (control(2, bytes(28), to=0x0012_3456), STRANGER),
            (control(3, bytes(28), to=1), STRANGER),
            (data(1, to=0xFFFF_FFFF), STRANGER),
        ],
        "empty_payload": [(data(seqno, b"", to=to_p), a_producer)],
        "payload_too_long": [
            (data(seqno, bytes(1457), to=to_p), a_producer),
            (data(seqno, bytes(1520), to=to_p), a_producer),
        ],
        "partial_message": [(data(seqno, word1=0x8000_0001, to=to_p), a_producer)],
        "encrypted_without_key": [(data(seqno, word1=0xE800_0001, to=to_p), a_producer)],
        "data_from_subscriber": [(data(seqno, to=to_s), a_subscriber)],
        "unexpected_control_type": [(control(6, to=to_s), a_subscriber), (control(99, to=to_s), a_subscriber)],
        "malformed_ack": [
            (control(2, to=to_s), a_subscriber),
            (control(2, words(0xFFFF_FFFF), to=to_s), a_subscriber),
        ],
        "empty_nak": [(control(3, to=to_s), a_subscriber)],
        "truncated_nak_range": [(control(3, words(0x8000_0001), to=to_s), a_subscriber)],
        "reversed_nak_range": [(control(3, words(0x8000_0009, 3), to=to_s), a_subscriber)],
    }


def test_every_malformed_datagram_is_counted_under_its_reason_and_disturbs_nobody() -> None:
    world = World()
    producer, subscriber = world.join(PUBLISH), world.join("A")
    sent = world.send(producer, 5)
    expected: dict[str, int] = {}
    for reason, datagrams in malformed(world, producer, subscriber).items():
        expected[reason] = len(datagrams)
        for datagram, address in datagrams:
            assert world.inject(datagram, address) == []
        world.run(20 * MS)
        assert world.ignored == expected
    sent += world.send(producer, 5)
    world.run(SECOND)
    assert subscriber.payloads == sent


def test_malformed_datagrams_do_not_disturb_the_good_ones_of_their_batch() -> None:
    world = World()
    producer, subscriber = world.join(PUBLISH), world.join("A")
    bad = [item for items in malformed(world, producer, subscriber).values() for item in items]
    producer.connection.send(b"good", world.now_us)
    good = [(datagram, address_of(world, producer)) for datagram, _ in producer.poll_datagrams()]
    batch = DatagramBatch(len(bad) + len(good))
    for datagram, address in bad[: len(bad) // 2] + good + bad[len(bad) // 2 :]:
        batch.append(datagram, address)
    world.endpoint.handle_batch(batch, world.now_us)
    world.run(SECOND)
    assert subscriber.payloads == [b"good"]


class FaultyHook:
    """Cannot ask about one channel."""

    def ask(self, question: HookQuestion) -> None:
        if question.channel_id == "B":
            raise ZeroDivisionError

    def tell_end(self, question: HookQuestion, duration_us: int) -> None:
        raise AssertionError("nobody was let in")


def test_a_bug_that_one_caller_meets_leaves_the_others_of_its_batch_their_packets() -> None:
    world = World(gather_us=10 * MS)
    producer, subscriber = world.join(PUBLISH), world.join("A")
    world.endpoint.use_hook(FaultyHook(), SECOND)
    caller = world.call("B")
    with structlog.testing.capture_logs() as logs:
        for _ in range(50):
            world.send(producer, interval_us=2 * MS)
        world.run(4 * SECOND)
    assert isinstance(caller.caller.error, ConnectTimeoutError)
    assert {type(log["exc_info"]) for log in logs if log["log_level"] == "error"} == {ZeroDivisionError}
    assert len(subscriber.payloads) == 50
    recovered = subscriber.connection.statistics.receiver.recovered_packets
    assert recovered == 0, "each packet is sent on with the batch in which it came"


def test_malformed_control_packets_of_a_producer_are_in_the_total_when_it_has_gone() -> None:
    world = World()
    producer = world.join(PUBLISH)
    world.inject(control(3, to=broker_id(producer)), address_of(world, producer))
    producer.connection.close(world.now_us)
    world.run(MS)
    assert world.ignored == {"empty_nak": 1}


def test_a_truncated_datagram_of_length_zero_is_counted() -> None:
    world = World()
    batch = DatagramBatch(1)
    batch.count = 1
    batch.data[:] = 0xFF
    world.endpoint.handle_batch(batch, world.now_us)
    assert world.ignored == {"short_header": 1}


def test_silent_producers_and_subscribers_are_dropped_after_their_timeout() -> None:
    world = World()
    peers = [world.join("publish:A"), world.join("A"), world.join("B")]
    for peer in peers:
        peer.is_dead = True
    world.run(4_900 * MS)
    assert len(world.endpoint.hub.channels) == 2
    world.run(1_200 * MS)
    assert_nothing_is_left(world)


def assert_nothing_is_left(world: World) -> None:
    endpoint = world.endpoint
    assert endpoint.hub.channels == {}
    assert endpoint.table.count == 0
    assert len(endpoint.table.used()) == 0
    assert len(endpoint._producers) == 0
    assert open_answers(endpoint._listener) == 0
    subscribers = endpoint._subscribers
    assert subscribers._channels == {}
    assert len(subscribers._loss_reports._memory) == 0
    assert len(subscribers._tails) == 0
    assert endpoint.poll_timer() is None


@pytest.mark.parametrize("says_goodbye", [True, False])
def test_a_thousand_subscribers_that_come_and_go_leave_nothing(*, says_goodbye: bool) -> None:
    world = World()
    for round_number in range(10):
        producer = world.join(f"publish:C{round_number}")
        subscribers = [world.call(f"C{round_number}") for _ in range(100)]
        # One loses a packet for good, so that resends are remembered for it.
        world.run(10 * MS)
        report = control(
            3, words(subscribers[0].connection.parameters.receive_seqno), to=broker_id(subscribers[0])
        )
        world.send(producer, 2, MS)
        world.inject(report, address_of(world, subscribers[0]))
        for peer in (producer, *subscribers):
            if says_goodbye:
                peer.connection.close(world.now_us)
            else:
                peer.is_dead = True
        world.run(10 * MS)
    world.run(7 * SECOND + WINDOW_US)
    assert_nothing_is_left(world)
    assert len(world.endpoint.table.rows) <= 128 if says_goodbye else 1024


def test_closing_says_goodbye_to_everybody() -> None:
    world = World()
    peers = [world.join("publish:A"), world.join("A"), world.join("B")]
    world.endpoint.close(world.now_us)
    world.run(MS)
    assert [peer.connection.close_reason for peer in peers] == ["peer_shutdown"] * 3
    world.run(SECOND)
    assert_nothing_is_left(world)


def test_an_idle_endpoint_wants_no_timer() -> None:
    assert World().endpoint.poll_timer() is None


def test_a_flood_of_refusals_writes_few_lines_and_says_how_many_were_left_out() -> None:
    world = World()
    with structlog.testing.capture_logs() as lines:
        for _ in range(MAX_LINES_PER_WINDOW + 30):
            world.call("..")
            world.run(10 * MS)
        world.run(WINDOW_US)
    assert [line["event"] for line in lines].count("connection refused") == MAX_LINES_PER_WINDOW
    assert lines[-1]["event"] == "more connections refused"
    assert lines[-1]["left_out"] == 30


def test_a_conclusion_of_the_draft_with_a_foreign_version_times_out_quietly() -> None:
    world = World()
    caller = world.call("A")
    caller.drops = lambda datagram: len(datagram) > 64
    world.run(4 * SECOND)
    assert isinstance(caller.caller.error, ConnectTimeoutError)
    assert_nothing_is_left(world)


def test_ipv6_peers_are_served() -> None:
    world = World()
    producer = world.join(PUBLISH, encode_sockaddr("2001:db8::1", 5000))
    subscriber = world.join("A", encode_sockaddr("2001:db8::2", 5000))
    sent = world.send(producer, 3)
    world.run(SECOND)
    assert subscriber.payloads == sent


def test_the_broker_offers_its_latency_and_takes_the_larger() -> None:
    world = World(options=replace(World().endpoint._listener.options, receive_latency_ms=300))
    producer = world.join(PUBLISH)
    subscriber = world.join("A", latency_ms=500)
    assert producer.connection.parameters.send_latency_us == 300 * MS
    assert subscriber.connection.parameters.receive_latency_us == 500 * MS


def test_a_subscriber_is_asked_for_the_latency_of_its_producers_link() -> None:
    world = World()
    early = world.join("A", latency_ms=20)
    assert early.connection.parameters.receive_latency_us == 120 * MS
    world.join(PUBLISH, peer_latency_ms=400)
    late, patient, other = world.join("A"), world.join("A", latency_ms=900), world.join("B")
    latencies_ms = [caller.connection.receiver.clock.latency_us // MS for caller in (late, patient, other)]
    assert latencies_ms == [400, 900, 120]


def test_a_conclusion_that_comes_after_its_connections_end_opens_no_other_one() -> None:
    for stream_id in (PUBLISH, "A"):
        world = World()
        caller = world.call(stream_id, encode_sockaddr("10.9.0.1", 5000))
        left: list[bytes] = []
        caller.drops = left.append  # type: ignore[assignment]
        world.run(SECOND)
        caller.connection.close(world.now_us)
        world.run(SECOND)
        assert_nothing_is_left(world)
        conclusion = next(d for d in reversed(left) if kind_of(d) == ControlType.HANDSHAKE)
        assert world.inject(conclusion, encode_sockaddr("10.9.0.1", 5000)) == []
        assert_nothing_is_left(world)
        assert world.ignored["ended_connection"] == 1


def test_the_broker_answers_the_address_that_asked() -> None:
    world = World()
    producer = world.join(PUBLISH)
    datagrams = [datagram for _, datagram in producer.datagrams]
    assert of_kind(datagrams, ControlType.HANDSHAKE)
    assert world.network.unroutable == 0
    assert address_of(world, producer) != BROKER


def test_nothing_overtakes_the_answer_to_a_handshake() -> None:
    world = World()
    producer = world.join(PUBLISH)
    caller = Caller(CallerOptions(stream_id="A"), socket_id=7, initial_seqno=100, now_us=world.now_us)
    caller.handle_timer(world.now_us)
    for answer, _ in world.inject(caller.poll_datagrams()[0], STRANGER):
        caller.handle_datagram(answer, world.now_us)
    producer.connection.send(b"first", world.now_us)
    batch = DatagramBatch(2)
    batch.append(caller.poll_datagrams()[0], STRANGER)
    batch.append(producer.poll_datagrams()[0][0], address_of(world, producer))
    world.endpoint.handle_batch(batch, world.now_us)
    kinds = [kind_of(datagram) for datagram, address in world.port.poll_datagrams() if address == STRANGER]
    assert kinds == [ControlType.HANDSHAKE, None]


def conclude(world: World, **changes: object) -> tuple[int, list[MutableMapping[str, Any]]]:
    """Send a conclusion with ``changes``; return the answer's handshake type and what was logged."""
    caller = Caller(CallerOptions(stream_id="A"), socket_id=7, initial_seqno=100, now_us=world.now_us)
    caller.handle_timer(world.now_us)
    for answer, _ in world.inject(caller.poll_datagrams()[0], STRANGER):
        caller.handle_datagram(answer, world.now_us)
    asked = replace(decode_handshake(caller.poll_datagrams()[0][16:]), **changes)  # type: ignore[arg-type]
    with structlog.testing.capture_logs() as logs:
        [(answer, _)] = world.inject(control(ControlType.HANDSHAKE, encode_handshake(asked), to=0), STRANGER)
    return decode_handshake(answer[16:]).handshake_type, logs


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"key_material": bytes(64), "extension_field": 7}, RejectReason.UNSECURE),
        ({"congestion": "file"}, RejectReason.CONGESTION),
        ({"mss_bytes": MIN_SUBSCRIBER_MSS_BYTES - 1}, RejectReason.UNACCEPTABLE),
    ],
)
def test_every_refusal_is_in_the_log_with_its_code_and_reason(
    changes: dict[str, object], code: RejectReason
) -> None:
    answered, logs = conclude(World(), **changes)
    assert answered == code
    assert [(line["event"], line["code"]) for line in logs] == [("connection refused", code)]
    assert logs[0]["why"]


def test_an_mss_that_is_too_small_is_refused_before_key_material_costs_its_millisecond() -> None:
    world = World(directory=Directory.of(1, [ChannelRule("A", passphrase="correct horse")], is_open=True))
    sealed = {"key_material": CAPTURES[0].handshake_key_material, "extension_field": 7}
    assert conclude(world, **sealed)[0] == RejectReason.BAD_SECRET
    answered, _ = conclude(world, mss_bytes=MIN_SUBSCRIBER_MSS_BYTES - 1, **sealed)
    assert answered == RejectReason.UNACCEPTABLE


def test_a_subscriber_whose_mss_holds_seven_transport_packets_is_served() -> None:
    answered, _ = conclude(World(), mss_bytes=MIN_SUBSCRIBER_MSS_BYTES)
    assert answered == HandshakeType.CONCLUSION


def opened_tap(world: World, channel_id: str = "A") -> tuple[list[bytes], OpenTap]:
    got: list[bytes] = []
    tap = world.endpoint.open_tap(channel_id, lambda payloads, _: got.extend(payloads), world.now_us)
    assert tap is not None
    return got, tap


def test_a_tap_gets_what_the_producer_sends_in_order_whatever_the_network_does_to_it() -> None:
    world = World(
        link=SimLink(latency_us=20 * MS, jitter_us=5 * MS, loss=0.05, reordering=0.05, reorder_us=8 * MS)
    )
    got, tap = opened_tap(world)
    producer = world.join(PUBLISH, peer_latency_ms=500)
    sent = world.send(producer, 300)
    world.run(SECOND)
    assert got == sent
    world.endpoint.close_tap(tap)
    world.send(producer, 5)
    assert got == sent


def test_a_tap_gives_up_what_is_missing_even_if_nothing_comes_any_more() -> None:
    world = World()
    got, _ = opened_tap(world)
    producer = world.join(PUBLISH)
    first = world.send(producer, 3)
    producer.drops = lambda datagram: kind_of(datagram) is None and datagram[-8:] == b"00000003"
    sent = first + world.send(producer, 3)
    world.run(SECOND)
    assert got == sent[:3] + sent[4:]


def test_a_channel_that_only_a_tap_wants_is_there_until_it_is_closed() -> None:
    world = World(limits=Limits(channels=1))
    _, tap = opened_tap(world)
    assert world.endpoint.open_tap("B", lambda _, __: None, world.now_us) is None
    assert world.endpoint.limits_reached["channels"] == 1
    world.endpoint.close_tap(tap)
    assert world.endpoint.hub.channels == {}


def test_who_watches_by_other_means_is_asked_for_the_same_and_goes_when_its_token_does() -> None:
    world = World(directory=closed_directory())
    ended: list[tuple[int, str]] = []
    world.endpoint.visitors.on_ended = lambda visitor_id, reason: ended.append((visitor_id, reason))
    refused = world.endpoint.ask(Ask(Verb.REQUEST, "private"), STRANGER, world.now_us)
    assert isinstance(refused, Denial)
    assert refused.code == RejectReason.UNAUTHORIZED
    admitted = world.endpoint.ask(Ask(Verb.REQUEST, "private", token(seconds=5)), STRANGER, world.now_us)
    assert isinstance(admitted, Admitted)
    visitor_id = world.endpoint.admit_viewer(admitted, STRANGER, world.now_us)
    assert isinstance(visitor_id, int)
    world.run(3 * SECOND)
    assert ended == []
    world.run(4 * SECOND)
    assert ended == [(visitor_id, "token_expired")]
    assert world.endpoint.ended_rights == {"token_expired": 1}


def test_subscribers_and_those_who_watch_by_other_means_share_a_channel_s_room() -> None:
    world = World(limits=Limits(subscribers_per_channel=2))
    admitted = world.endpoint.ask(Ask(Verb.REQUEST, "A"), STRANGER, world.now_us)
    assert isinstance(admitted, Admitted)
    assert isinstance(world.endpoint.admit_viewer(admitted, STRANGER, world.now_us), int)
    world.join("A")
    assert refusal_of(world, "A") == RejectReason.OVERLOAD
    assert isinstance(world.endpoint.admit_viewer(admitted, STRANGER, world.now_us), Denial)
    assert world.endpoint.limits_reached["subscribers_of_channel"] == 2


def test_who_is_to_go_is_sent_away_once_and_the_others_stay() -> None:
    world = World()
    producer, subscriber, other = world.join("publish:A"), world.join("A"), world.join("A")
    world.run(SECOND)
    ids = [broker_id(peer) for peer in (producer, subscriber)]
    assert all(world.endpoint.kick(socket_id, world.now_us) for socket_id in ids)
    world.run(SECOND)
    assert producer.connection.close_reason == subscriber.connection.close_reason == "peer_shutdown"
    assert other.connection.close_reason is None
    assert not any(world.endpoint.kick(socket_id, world.now_us) for socket_id in (*ids, 0, 1, 0x7FFF_FFFF))
    assert world.endpoint.ended_rights == {"kicked": 2}
