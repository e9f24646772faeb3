"""A caller's connection to a listener that is there, is restarted, or cannot be reached, on virtual time."""

import heapq
import itertools
from collections.abc import Callable
from random import Random

import pytest
from tests.support.srt_datagrams import HERE, PARAMETERS, control, kind_of, mirrored

from headrace.srt.caller import CallerOptions
from headrace.srt.connection import Connection
from headrace.srt.handshake import HandshakeType, decode_handshake
from headrace.srt.listener import Listener, ListenerOptions
from headrace.srt.packet import HEADER_BYTES, ControlType, decode_header
from headrace.srt.silence_probe import PROBE_INTERVAL_US, SILENCE_US, SilenceProbe

START_US = PARAMETERS.established_us
SECOND_US = 1_000_000
INDUCTION = control(ControlType.HANDSHAKE, bytes(20) + b"\0\0\0\1" + bytes(24))


class World:
    """A caller with its probe, a listener, and a network between them.

    Attributes:
        remembers: Whether the listener has the connection.
        is_up: Whether the listener's process runs.
        loses: Called for each datagram: True loses it.
        asked: Inductions that reached the listener, with their times.
    """

    def __init__(self, *, one_way_us: int = 1_000) -> None:
        self.now_us = START_US
        self.remembers = self.is_up = True
        self.loses: Callable[[], bool] = lambda: False
        self.asked: list[int] = []
        self.here = Connection(PARAMETERS)
        self.probe = SilenceProbe(self.here, CallerOptions())
        self.there = Connection(mirrored(PARAMETERS))
        self._listener = Listener(ListenerOptions(), bytes(32))
        self._one_way_us = one_way_us
        self._count = itertools.count()
        self._flying: list[tuple[int, int, bool, bytes]] = []
        self._held: list[bytes] = []
        self.is_stopped = False

    def run(self, seconds: float) -> None:
        """Let time pass; it stops early where the caller's connection ends."""
        end_us = self.now_us + round(seconds * SECOND_US)
        while self.here.close_reason is None:
            times = [self.here.poll_timer(), self.probe.poll_timer(), self._flying[0][0] if self._flying else None]
            if self.remembers and self.is_up and not self.is_stopped:
                times.append(self.there.poll_timer())
            due_us = min(time_us for time_us in times if time_us is not None)
            if due_us > end_us:
                self.now_us = end_us
                return
            self.now_us = max(self.now_us, due_us)
            self._turn()

    def _turn(self) -> None:
        while self._flying and self._flying[0][0] <= self.now_us:
            _, _, is_ours, datagram = heapq.heappop(self._flying)
            if is_ours:
                self._arrive_there(datagram)
            elif not self.probe.handle_datagram(datagram, self.now_us):
                self.here.handle_datagram(datagram, self.now_us)
        self.here.handle_timer(self.now_us)
        if self.here.close_reason is None:
            self.probe.handle_timer(self.now_us)
        if self.remembers and self.is_up and not self.is_stopped:
            self.there.handle_timer(self.now_us)
        for datagram in self.here.poll_datagrams() + self.probe.poll_datagrams():
            self._send(datagram, is_ours=True)
        for datagram in self.there.poll_datagrams():
            self._send(datagram, is_ours=False)

    def _send(self, datagram: bytes, *, is_ours: bool) -> None:
        if not self.loses():
            arrival = (self.now_us + self._one_way_us, next(self._count), is_ours, datagram)
            heapq.heappush(self._flying, arrival)

    def _arrive_there(self, datagram: bytes) -> None:
        if self.is_stopped:
            self._held.append(datagram)
            return
        header = decode_header(datagram)
        if not self.is_up:
            return
        if header.dst_socket_id == 0:
            self.asked.append(self.now_us)
            answer = self._listener.handle_handshake(header, datagram[HEADER_BYTES:], HERE, self.now_us)
            assert isinstance(answer, bytes)
            self._send(answer, is_ours=False)
        elif self.remembers:
            self.there.handle_datagram(datagram, self.now_us)

    def resume(self) -> None:
        """Let the listener go on after a stop, and take what has come meanwhile."""
        self.is_stopped = False
        for datagram in self._held:
            self._arrive_there(datagram)
        self._held.clear()


def test_a_listener_that_lives_is_never_asked() -> None:
    world = World()
    world.run(600)
    assert world.here.close_reason is None
    assert world.asked == []


@pytest.mark.parametrize("one_way_us", [1_000, 250_000])
def test_a_listener_that_was_restarted_ends_it_within_two_seconds_and_the_round_trip(one_way_us: int) -> None:
    world = World(one_way_us=one_way_us)
    world.run(60.9)
    world.remembers = False
    killed_us = world.now_us
    world.run(60)
    assert world.here.close_reason == "forgotten"
    assert world.now_us - killed_us < 2 * SECOND_US + 2 * one_way_us
    assert ControlType.SHUTDOWN in [kind_of(datagram) for *_, datagram in world._flying]


def test_a_listener_that_comes_back_later_ends_it_within_a_second() -> None:
    world = World()
    world.run(10)
    world.remembers = world.is_up = False
    world.run(3)
    world.is_up = True
    back_us = world.now_us
    world.run(60)
    assert world.here.close_reason == "forgotten"
    assert world.now_us - back_us < SECOND_US


@pytest.mark.parametrize("one_way_us", [1_000, 250_000])
@pytest.mark.parametrize("seconds", [2.0, 3.9])
def test_an_outage_of_the_network_ends_nothing(one_way_us: int, seconds: float) -> None:
    world = World(one_way_us=one_way_us)
    for _ in range(20):
        world.run(7.3)
        world.loses = lambda: True
        world.run(seconds)
        world.loses = lambda: False
    world.run(10)
    assert world.here.close_reason is None
    assert world.asked != []
    assert not world.probe.is_probing or world.here.heard_us > world.now_us - SILENCE_US


def test_a_listener_that_does_not_run_ends_it_at_the_peer_timeout_alone() -> None:
    world = World()
    world.run(10.5)
    heard_us = world.here.heard_us
    world.is_up = False
    world.run(60)
    assert world.here.close_reason == "timeout"
    assert world.now_us == heard_us + PARAMETERS.peer_timeout_us


def test_a_listener_that_was_held_up_ends_nothing() -> None:
    world = World()
    world.run(10)
    world.is_stopped = True
    world.run(3)
    world.resume()
    world.run(60)
    assert world.here.close_reason is None
    assert len(world.asked) > 8


@pytest.mark.parametrize(
    ("answered_ms", "ends"),
    [
        ([0, 90, 180, 270, 360, 450], True),
        ([0, 110, 220, 330, 500], False),
        ([0, 500], False),
        ([0] * 12, False),
        ([399 * (number > 0) for number in range(12)], False),
        ([400 * (number > 0) for number in range(6)], True),
    ],
)
def test_enough_answers_over_a_long_enough_time_end_it(answered_ms: list[int], ends: bool) -> None:
    here = Connection(PARAMETERS)
    probe = SilenceProbe(here, CallerOptions())
    asked_us = START_US + SILENCE_US
    probe.handle_timer(asked_us)
    for after_ms in answered_ms:
        assert probe.handle_datagram(INDUCTION, asked_us + after_ms * 1000)
        assert here.close_reason is None  # what came with it is heard first
    probe.handle_timer(asked_us + 600_000)
    assert here.close_reason == ("forgotten" if ends else None)


@pytest.mark.parametrize("seed", range(4))
def test_heavy_loss_ends_nothing(seed: int) -> None:
    random = Random(seed)
    world = World(one_way_us=100_000)
    world.loses = lambda: random.random() < 0.2
    world.run(600)
    assert world.here.close_reason is None
    assert len(world.asked) > 100


def test_it_asks_after_a_silence_and_then_at_intervals_until_the_peer_is_heard() -> None:
    here = Connection(PARAMETERS)
    probe = SilenceProbe(here, CallerOptions())
    assert probe.poll_timer() == START_US + SILENCE_US
    probe.handle_timer(START_US + SILENCE_US - 1)
    assert probe.poll_datagrams() == here.poll_datagrams() == []
    probe.handle_timer(START_US + SILENCE_US)
    (induction,) = probe.poll_datagrams()
    asked = decode_handshake(induction[HEADER_BYTES:])
    assert decode_header(induction).dst_socket_id == 0
    assert (asked.handshake_type, asked.socket_id) == (HandshakeType.INDUCTION, PARAMETERS.socket_id)
    assert [kind_of(datagram) for datagram in here.poll_datagrams()] == [ControlType.ACK]
    assert probe.poll_timer() == START_US + SILENCE_US + PROBE_INTERVAL_US
    heard_us = START_US + SILENCE_US + 1
    here.handle_datagram(control(ControlType.KEEPALIVE), heard_us)
    assert probe.poll_timer() == heard_us + SILENCE_US
    probe.handle_timer(heard_us + 1)
    assert not probe.is_probing
    assert probe.poll_datagrams() == []


def test_what_is_no_answer_to_it_is_left_to_the_connection() -> None:
    probe = SilenceProbe(Connection(PARAMETERS), CallerOptions())
    assert not probe.handle_datagram(INDUCTION, START_US)  # nobody has asked
    probe.handle_timer(START_US + SILENCE_US)
    for datagram in (b"", control(ControlType.KEEPALIVE), control(ControlType.HANDSHAKE), control(0, bytes(48))):
        assert not probe.handle_datagram(datagram, START_US + SILENCE_US)
    assert probe.handle_datagram(INDUCTION, START_US + SILENCE_US)
