"""What peers can make the broker keep: nothing, or a known number of bytes; and what it does without memory."""

import tracemalloc
from collections.abc import Iterator
from dataclasses import replace

import pytest
import structlog
from tests.simnet.srt_ports import CallerPort
from tests.support.answers import ended_answers, footprint_of, open_answers
from tests.support.broker_world import MS, SECOND, World
from tests.support.fanout_tables import address
from tests.support.footprint import footprint_bytes
from tests.support.long_runs import only_long
from tests.support.mute import DATA, Mute
from tests.support.scarce_memory import ScarceMemory
from tests.support.srt_datagrams import control, data, of_kind, words

from headrace.base.sockaddr import encode_sockaddr
from headrace.fanout.ring import DEFAULT_MAX_PACKETS, FIRST_CAPACITY_PACKETS
from headrace.srt.handshake import Handshake, HandshakeType, decode_handshake, encode_handshake
from headrace.srt.packet import ControlType
from headrace.srt.receiver import FLOW_WINDOW_PACKETS
from headrace.srt.recent_answers import COOKIE_MINUTE_US
from headrace.srt.rejection import ConnectionRejectedError, RejectReason

SOME_BYTES = 16_384
"""Longer names in the last 200 events, a table of counters: less than two bytes for each of 10,000 peers."""
WARM_UP_NAMES = 1_000
"""After so many the lists that remember the last of something are full."""


class Crowd:
    """Callers of which each handshake packet is the test's to send."""

    def __init__(self, world: World) -> None:
        self.world = world
        caller = world.call("model")
        sent: list[bytes] = []

        def keep(datagram: bytes) -> bool:
            sent.append(datagram)
            return len(sent) > 1

        caller.drops = keep
        world.run(MS)
        self.model: Handshake = decode_handshake(sent[-1][16:])
        assert self.model.handshake_type == HandshakeType.CONCLUSION
        caller.is_dead = True

    def shake(self, handshake: Handshake, caller: int) -> list[bytes]:
        body = encode_handshake(handshake, response=False)
        datagram = control(ControlType.HANDSHAKE, body, to=0)
        return [answer for answer, _ in self.world.inject(datagram, address(caller))]

    def conclude(self, caller: int, stream_id: str) -> list[bytes]:
        """Conclude with a good cookie."""
        cookie = self.world.endpoint._listener.cookie(address(caller), self.world.now_us // COOKIE_MINUTE_US)
        wanted = replace(self.model, cookie=cookie, stream_id=stream_id, socket_id=1 + caller)
        return self.shake(wanted, caller)

    def leave(self, caller: int, answers: list[bytes]) -> None:
        socket_id = int.from_bytes(answers[0][16 + 24 : 16 + 28], "big")
        self.world.inject(control(ControlType.SHUTDOWN, bytes(4), to=socket_id), address(caller))


def names(count: int) -> Iterator[str]:
    """Yield stream ids: those that are served, those of producers, and those that are refused."""
    for number in range(count):
        yield (f"c{number}", f"publish:c{number}", f"#!::r=c{number},m=bidirectional", f"../{number}")[number % 4]


def try_names(crowd: Crowd, first: int, count: int) -> None:
    for caller, stream_id in enumerate(names(count), first):
        crowd.world.run(MS)  # no more than are answered in a second
        answers = crowd.conclude(caller, stream_id)
        assert len(answers) == 1
        if not stream_id.startswith(("#", ".")):
            assert crowd.world.endpoint.hub.channels
            crowd.leave(caller, answers)


def kept_bytes(world: World) -> int:
    """Return what the endpoint takes, but for the connections that it remembers as ended for two minutes."""
    world.port.outbox.calls.clear()
    endpoint, listener = world.endpoint, world.endpoint._listener
    listeners = [*footprint_of(listener._answers), listener._refusals, listener.ignored_packets]
    return footprint_bytes([endpoint.hub, *listeners, endpoint._producers, endpoint._subscribers])


@pytest.mark.parametrize("count", [1_000, only_long(10_000)])
def test_channel_names_that_are_tried_leave_nothing_behind(count: int) -> None:
    crowd = Crowd(World())
    with structlog.testing.capture_logs():
        try_names(crowd, 0, WARM_UP_NAMES)
    crowd.world.run(SECOND)
    before_bytes = kept_bytes(crowd.world)
    with structlog.testing.capture_logs():
        try_names(crowd, WARM_UP_NAMES, count)
    crowd.world.run(SECOND)
    endpoint = crowd.world.endpoint
    assert endpoint.hub.channels == {}
    assert open_answers(endpoint._listener) == 0
    assert endpoint.table.count == 0
    assert kept_bytes(crowd.world) < before_bytes + SOME_BYTES
    crowd.world.run(2 * COOKIE_MINUTE_US)
    try_names(crowd, 20_000, 1)
    assert ended_answers(endpoint._listener) == 1


def test_a_subscriber_takes_less_than_a_kilobyte() -> None:
    crowd = Crowd(World())
    producer = crowd.world.join("publish:A")
    kept = []
    for first, last in ((0, 100), (100, 2000)):
        with structlog.testing.capture_logs():
            for caller in range(first, last):
                crowd.conclude(caller, "A")
        crowd.world.send(producer, 3, MS)
        assert crowd.world.endpoint.table.count == last
        kept.append(kept_bytes(crowd.world))
    each_bytes = (kept[1] - kept[0]) / 1900
    print(f"{each_bytes:.0f} bytes a subscriber")
    assert each_bytes < 1000


def come_and_go(crowd: Crowd, producer: CallerPort, first: int, count: int) -> None:
    """Have subscribers come, report a loss and leave; forget what the test itself keeps, and ended connections."""
    world = crowd.world
    lost = control(ControlType.NAK, words(crowd.model.initial_seqno))
    for caller in range(first, first + count):
        answers = crowd.conclude(caller, "A")
        world.send(producer, interval_us=20 * MS)
        socket_id = answers[0][16 + 24 : 16 + 28]
        resent = [answer for answer, _ in world.inject(lost[:12] + socket_id + lost[16:], address(caller))]
        assert len(of_kind(resent, DATA)) == 1
        crowd.leave(caller, answers)
    world.run(2 * COOKIE_MINUTE_US)
    last = first + count
    crowd.leave(last, crowd.conclude(last, "A"))
    assert ended_answers(world.endpoint._listener) == 1
    producer.datagrams.clear()
    world.port.outbox.calls.clear()
    encode_sockaddr.cache_clear()


def allocated_bytes() -> int:
    """Return what Headrace's own code has allocated and not freed, caches of functions among it."""
    ours = [tracemalloc.Filter(inclusive=True, filename_pattern="*/src/headrace/*")]
    return sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces(ours).traces)


@pytest.mark.parametrize("count", [120, only_long(400)])
def test_subscribers_that_came_and_went_leave_no_more_behind_than_as_many_before_them(count: int) -> None:
    world = World()
    crowd = Crowd(world)
    producer = world.join("publish:A")
    world.run(SECOND)
    tracemalloc.start()
    try:
        with structlog.testing.capture_logs() as lines:
            come_and_go(crowd, producer, 0, count)
            lines.clear()
            before_bytes = allocated_bytes()
            come_and_go(crowd, producer, 10_000, count)
            lines.clear()
            assert allocated_bytes() < before_bytes + SOME_BYTES
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("count", [10_000, only_long(100_000)])
def test_half_open_handshakes_keep_no_state(count: int) -> None:
    crowd = Crowd(World())
    endpoint = crowd.world.endpoint
    induction = replace(
        crowd.model, handshake_type=HandshakeType.INDUCTION, version=4, cookie=0, capabilities=None, stream_id=None
    )
    forged = replace(crowd.model, cookie=1)
    listener = endpoint._listener
    packets = [
        control(ControlType.HANDSHAKE, encode_handshake(h, response=False), to=0) for h in (induction, forged)
    ]
    assert [len(crowd.world.inject(packet, address(1))) for packet in packets] == [1, 0]
    before_bytes = kept_bytes(crowd.world)
    header_bytes = 16
    for caller in range(count):
        body = packets[caller % 2][header_bytes:]
        listener.handle_handshake(None, body, address(caller), crowd.world.now_us)  # type: ignore[arg-type]
    assert kept_bytes(crowd.world) < before_bytes + SOME_BYTES
    assert crowd.world.ignored == {"bad_cookie": count // 2 + 1}


def flood(
    world: World, producer_id: int, peer: bytes, packets: int, *, timestamp_us: int, step_us: int, stride: int
) -> None:
    """Send full packets ``step_us`` apart by the producer's clock, of which only each ``stride``-th comes."""
    payload = bytes(1316)
    for number in range(packets):
        stamp_us = (timestamp_us + number * step_us) & 0xFFFF_FFFF
        world.port.handle_datagram(
            data(stride * number, payload, timestamp_us=stamp_us, to=producer_id),
            peer,
            world.now_us + number * step_us,
        )
        world.port.outbox.take()


@pytest.mark.parametrize(
    ("step_us", "ahead_us", "stride"),
    [(105, 0, 1), (105, 3600 * SECOND, 1), (0, 0, 1), (105, 3600 * SECOND, 2)],
)
@pytest.mark.long
def test_a_producer_of_100_megabits_a_second_makes_the_broker_keep_50_megabytes_at_the_most(
    step_us: int, ahead_us: int, stride: int
) -> None:
    world = World()
    crowd = Crowd(world)
    crowd.model = replace(crowd.model, initial_seqno=0)
    producer_id = int.from_bytes(crowd.conclude(7, "publish:A")[0][16 + 24 : 16 + 28], "big")
    packets = DEFAULT_MAX_PACKETS + 2_000
    flood(world, producer_id, address(7), packets, timestamp_us=ahead_us, step_us=step_us, stride=stride)
    channel = world.channel("A")
    assert channel.ring.capacity_packets <= DEFAULT_MAX_PACKETS
    assert channel.ring.store.nbytes <= 46 << 20
    assert channel.producer is not None
    receiver = channel.producer.connection.receiver
    assert receiver.buffered_packets <= FLOW_WINDOW_PACKETS
    receiver_bytes = footprint_bytes([receiver, channel.producer.timeline, channel.stream._starts])
    assert receiver_bytes < 12 << 20


def test_without_memory_for_a_ring_a_producer_is_refused_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()
    producer, subscriber = world.join("publish:A"), Mute(world)
    world.send(producer, 1)
    memory = ScarceMemory(monkeypatch, 0)
    refused = world.call("publish:B")
    sent = world.send(producer, 100)
    assert isinstance(refused.caller.error, ConnectionRejectedError)
    assert refused.caller.error.code == RejectReason.OVERLOAD
    assert set(world.endpoint.hub.channels) == {"A"}
    assert [datagram[16:] for datagram in subscriber.take(DATA)][-100:] == sent
    memory.capacity = FIRST_CAPACITY_PACKETS
    world.join("publish:B")


def test_a_ring_that_cannot_grow_is_logged_once_a_channel_and_the_stream_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ScarceMemory(monkeypatch, FIRST_CAPACITY_PACKETS)
    world = World()
    producer, subscriber = world.join("publish:A"), world.join("A")
    with structlog.testing.capture_logs() as lines:
        sent = world.send(producer, 3_500, interval_us=4 * MS)
    world.run(SECOND)
    assert subscriber.payloads == sent
    (line,) = (line for line in lines if line["event"].startswith("no memory for a channel's packets"))
    assert (line["channel"], line["kept_packets"]) == ("A", FIRST_CAPACITY_PACKETS)
    assert world.channel("A").ring.failed_growths > 1
