"""The loop that reads many sockets in a thread of its own, on real sockets."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise

import pytest

from headrace.base.datagram_batch import DatagramBatch
from headrace.netio.capabilities import PORTABLE, Capabilities, probe_capabilities
from headrace.netio.clock import now_us
from headrace.netio.media_loop import (
    FEW_DATAGRAMS,
    FEWEST_PER_SOCKET,
    GATHERED_DATAGRAMS,
    LONG_TURN_US,
    PACKETS_PER_SOCKET,
    SHARE_US,
    TURNS_AT_ONCE,
    MediaLoop,
)
from headrace.netio.udp_socket import UdpSocket

CAPABILITIES = pytest.mark.parametrize(
    "capabilities", [probe_capabilities(), PORTABLE], ids=["machine", "portable"]
)


class Recorder:
    """A machine that writes down what it was given, and by which thread."""

    def __init__(self) -> None:
        self.datagrams: list[bytes] = []
        self.batches: list[list[bytes]] = []
        self.batches_at_us: list[int] = []
        self.timers_us: list[int] = []
        self.due_us: int | None = None
        self.threads: set[str] = set()
        self.on_batch: Callable[[], None] = lambda: None

    def handle_batch(self, batch: DatagramBatch, now_us: int) -> None:
        self.batches.append([batch.datagram(row) for row in range(batch.count)])
        self.datagrams += self.batches[-1]
        self.batches_at_us.append(now_us)
        self.threads.add(threading.current_thread().name)
        self.on_batch()

    def handle_timer(self, now_us: int) -> None:
        self.timers_us.append(now_us)
        self.due_us = None

    def poll_timer(self) -> int | None:
        return self.due_us


class Scene:
    """A loop, its machine and common socket, a peer that sends, and what the loop reported."""

    def __init__(
        self, common: UdpSocket, peer: UdpSocket, gather_us: int, patience_us: int, batch_capacity: int
    ) -> None:
        self.machine = Recorder()
        self.common = common
        self.peer = peer
        self.errors: list[Exception] = []
        self.loop = MediaLoop(
            common,
            self.machine,
            gather_us=gather_us,
            patience_us=(lambda _: patience_us) if patience_us else None,
            batch_capacity=batch_capacity,
            on_error=self.errors.append,
        )

    def send(self, to: UdpSocket, *datagrams: bytes) -> None:
        batch = DatagramBatch(len(datagrams))
        for datagram in datagrams:
            batch.append(datagram, to.local_address)
        assert self.peer.send_batch(batch) == len(datagrams)

    def begin_to_gather(self) -> None:
        """Have the common socket read, and wait until the loop knows when it will read it next."""
        self.send(self.common, b"begins the gathering")
        until(lambda: self.loop._gathered_us is not None)

    def add_together(self, lines: list[UdpSocket]) -> None:
        """Add all between two turns, so that the loop finds what they have in one."""

        def add() -> None:
            for line in lines:
                self.loop.add(line)

        asyncio.run(self.loop.call(add))


@contextmanager
def scene(
    capabilities: Capabilities | None = None,
    *,
    gather_us: int = 0,
    patience_us: int = 0,
    batch_capacity: int = 512,
    is_started: bool = True,
) -> Iterator[Scene]:
    with (
        UdpSocket.bind("127.0.0.1", 0, capabilities=capabilities) as common,
        UdpSocket.bind("127.0.0.1", 0) as peer,
    ):
        made = Scene(common, peer, gather_us, patience_us, batch_capacity)
        if is_started:
            made.loop.start()
        try:
            yield made
        finally:
            made.loop.stop()


def until(condition: Callable[[], bool]) -> None:
    end_us = now_us() + 10_000_000
    while not condition():
        assert now_us() < end_us, "it did not come to that within 10 s"
        time.sleep(0.001)


@CAPABILITIES
def test_the_common_socket_and_added_ones_are_read_in_a_thread_of_their_own(capabilities: Capabilities) -> None:
    with scene(capabilities) as s, UdpSocket.bind("127.0.0.1", 0, capabilities=capabilities) as line:
        s.send(s.common, b"a", b"b", b"c")
        until(lambda: s.machine.datagrams == [b"a", b"b", b"c"])
        s.loop.add(line)
        s.send(line, b"d")
        until(lambda: s.machine.datagrams == [b"a", b"b", b"c", b"d"])
        assert s.machine.threads == {"media"}
        assert abs(s.machine.batches_at_us[0] - now_us()) < 10_000_000


@CAPABILITIES
def test_sockets_that_are_readable_together_share_a_batch_and_none_takes_all_of_it(
    capabilities: Capabilities,
) -> None:
    with scene(capabilities, batch_capacity=80, is_started=False) as s:
        lines = [UdpSocket.bind("127.0.0.1", 0, capabilities=capabilities) for _ in range(3)]
        big, *small = lines
        for number in range(PACKETS_PER_SOCKET + 10):
            s.send(big, b"big %d" % number)
        for line in small:
            s.send(line, b"small")
        s.loop.start()
        s.add_together(lines)
        until(lambda: len(s.machine.datagrams) == PACKETS_PER_SOCKET + 12)
        first, second = s.machine.batches
        assert first.count(b"small") == 2
        assert len(first) == PACKETS_PER_SOCKET + 2
        assert second == [b"big %d" % number for number in range(PACKETS_PER_SOCKET, PACKETS_PER_SOCKET + 10)]
        for line in lines:
            line.close()


def test_where_packets_take_long_fewer_are_read_at_once_and_where_they_do_not_more_again() -> None:
    with scene(is_started=False) as s, UdpSocket.bind("127.0.0.1", 0) as line:
        s.machine.on_batch = lambda: time.sleep(2 * LONG_TURN_US / 1e6)
        s.send(line, *(b"%d" % number for number in range(2 * PACKETS_PER_SOCKET)))
        s.loop.start()
        s.loop.add(line)
        until(lambda: len(s.machine.datagrams) == 2 * PACKETS_PER_SOCKET)
        assert list(map(len, s.machine.batches)) == [PACKETS_PER_SOCKET, 16, FEWEST_PER_SOCKET, FEWEST_PER_SOCKET]
        s.machine.on_batch = lambda: None

        def takes_as_many_again() -> bool:
            s.machine.batches.clear()
            s.machine.datagrams.clear()
            s.send(line, *(b"%d" % number for number in range(PACKETS_PER_SOCKET)))
            until(lambda: len(s.machine.datagrams) == PACKETS_PER_SOCKET)
            return len(s.machine.batches[0]) == PACKETS_PER_SOCKET

        until(takes_as_many_again)


def test_more_than_a_batch_holds_comes_in_several_batches_of_one_turn() -> None:
    with scene(batch_capacity=2, is_started=False) as s:
        lines = [UdpSocket.bind("127.0.0.1", 0) for _ in range(5)]
        for number, line in enumerate(lines):
            s.send(line, bytes([number]))
        s.loop.start()
        s.add_together(lines)
        until(lambda: len(s.machine.datagrams) == 5)
        assert [len(batch) for batch in s.machine.batches] == [2, 2, 1]
        for line in lines:
            line.close()


def test_a_removed_socket_is_read_no_more_not_even_in_the_turn_that_removes_it() -> None:
    with scene(batch_capacity=1, is_started=False) as s:
        lines = [UdpSocket.bind("127.0.0.1", 0) for _ in range(2)]
        for line in lines:
            s.send(line, b"x")

        def remove_all() -> None:
            for line in lines:
                s.loop.remove(line)
                s.loop.remove(line)
                line.close()

        s.machine.on_batch = remove_all
        s.loop.start()
        s.add_together(lines)
        until(lambda: s.machine.datagrams == [b"x"])
        s.send(s.common, b"after")
        until(lambda: s.machine.datagrams == [b"x", b"after"])
        assert s.errors == []


def test_an_error_of_a_line_ends_that_line_alone_and_one_of_the_common_socket_the_loop() -> None:
    with scene() as s, UdpSocket.bind("127.0.0.1", 0) as broken:

        def fail(batch: DatagramBatch, limit: int) -> int:
            raise OSError("gone")

        broken.receive_more = fail  # type: ignore[method-assign]
        s.loop.add(broken)
        s.send(broken, b"lost")
        until(lambda: len(s.errors) == 1)
        assert broken.fileno() == -1
        s.send(s.common, b"still here")
        until(lambda: s.machine.datagrams == [b"still here"])
        s.common.receive_more = fail  # type: ignore[method-assign]
        s.send(s.common, b"lost")
        until(lambda: len(s.errors) == 2)
        assert s.machine.datagrams == [b"still here"]


def test_turns_that_follow_each_other_fast_are_at_least_a_share_apart() -> None:
    with scene() as s, UdpSocket.bind("127.0.0.1", 0) as line:
        s.loop.add(line)
        end_us = now_us() + 10_000_000
        while len(s.machine.batches) < TURNS_AT_ONCE + 10 and now_us() < end_us:
            s.send(line, b"x")
        until(lambda: len(s.machine.datagrams) == s.peer.counters.datagrams_sent)
        at_us = s.machine.batches_at_us
        turns = len(at_us) - TURNS_AT_ONCE
        assert turns >= 2
        assert at_us[-1] - at_us[0] >= (turns - 1) * SHARE_US


def test_turns_of_a_loop_that_does_not_coalesce_follow_each_other_at_once() -> None:
    with scene() as s, UdpSocket.bind("127.0.0.1", 0) as line:
        s.loop._is_coalescing = False

        def bring_about_another() -> None:
            if len(s.machine.batches) < 500:
                s.send(line, b"x")

        s.machine.on_batch = bring_about_another
        s.loop.add(line)
        # All is sent by the loop's own thread: handing over to this one and back takes longer than turns do.
        asyncio.run(s.loop.call(bring_about_another))
        until(lambda: len(s.machine.batches) == 500)
        at_us = s.machine.batches_at_us
        # Other programs may have held up some of them. Those that coalesce take a share each, but for the first.
        spans_us = [
            last_us - first_us for first_us, last_us in zip(at_us, at_us[TURNS_AT_ONCE + 92 :], strict=False)
        ]
        assert min(spans_us) < 90 * SHARE_US


def test_a_timer_is_called_when_due_and_not_before() -> None:
    with scene(is_started=False) as s:
        s.machine.due_us = due_us = now_us() + 20_000
        s.loop.start()
        until(lambda: bool(s.machine.timers_us))
        assert len(s.machine.timers_us) == 1
        assert s.machine.timers_us[0] >= due_us


def test_a_timer_set_while_handling_a_batch_or_by_a_call_is_kept() -> None:
    with scene() as s:

        def set_timer() -> None:
            s.machine.due_us = now_us() + 5_000

        s.machine.on_batch = set_timer
        s.send(s.common, b"x")
        until(lambda: len(s.machine.timers_us) == 1)
        asyncio.run(s.loop.call(set_timer))
        until(lambda: len(s.machine.timers_us) == 2)


@pytest.mark.parametrize(
    ("at_a_time", "least_us", "most_us"), [(1, 39_000, 10_000_000), (FEW_DATAGRAMS, 19_000, 39_000)]
)
def test_gathering_reads_the_common_socket_no_more_often_than_asked_and_loses_nothing(
    at_a_time: int, least_us: int, most_us: int
) -> None:
    with scene(gather_us=20_000) as s:
        for _ in range(60):
            s.send(s.common, *[b"x"] * at_a_time)
            time.sleep(0.004)
        until(lambda: len(s.machine.datagrams) == 60 * at_a_time)
        reads = zip(s.machine.batches_at_us, map(len, s.machine.batches), strict=True)
        # The first read may find only a few, and one that the machine kept waiting more than the others.
        gaps_us = [
            next_us - read_us
            for (read_us, count), (next_us, _) in list(pairwise(reads))[1:]
            if (count > FEW_DATAGRAMS) == (at_a_time > 1)
        ]
        assert least_us <= min(gaps_us) < most_us
        until(lambda: s.loop._gathered_us is None)
        s.send(s.common, b"after a pause")
        until(lambda: s.machine.datagrams[-1] == b"after a pause")


def test_a_common_socket_with_more_than_a_batch_does_not_gather_before_it_is_empty() -> None:
    with scene(gather_us=60_000_000, batch_capacity=2, is_started=False) as s:
        s.send(s.common, b"a", b"b", b"c", b"d", b"e")
        s.loop.start()
        until(lambda: len(s.machine.datagrams) == 5)


def test_a_line_is_read_at_once_while_the_common_socket_gathers() -> None:
    with scene(gather_us=60_000_000) as s, UdpSocket.bind("127.0.0.1", 0) as line:
        s.send(s.common, b"begins the gathering")
        until(lambda: len(s.machine.datagrams) == 1)
        s.loop.add(line)
        s.send(line, b"at once")
        until(lambda: len(s.machine.datagrams) == 2)


def test_a_patient_loop_reads_what_has_gathered_in_a_turn_that_a_line_begins() -> None:
    with scene(gather_us=1_000, patience_us=60_000_000) as s, UdpSocket.bind("127.0.0.1", 0) as line:
        s.loop.add(line)
        s.begin_to_gather()
        # Longer than the test takes on any machine.
        s.loop._ripe_us = s.loop._gathered_us = now_us() + 60_000_000
        s.send(s.common, b"waits")
        s.send(line, b"too soon for the other")
        until(lambda: len(s.machine.datagrams) == 2)
        s.loop._ripe_us = now_us()
        s.send(line, b"reads it too")
        until(lambda: len(s.machine.datagrams) == 4)
        assert s.machine.datagrams[1:] == [b"too soon for the other", b"reads it too", b"waits"]


def test_a_turn_that_finds_nothing_before_the_time_is_over_lets_the_common_socket_gather_on() -> None:
    with scene(gather_us=1_000, patience_us=60_000_000) as s, UdpSocket.bind("127.0.0.1", 0) as line:
        s.loop.add(line)
        s.begin_to_gather()
        s.loop._gathered_us = now_us() + 60_000_000
        s.loop._ripe_us = ripe_us = now_us()
        s.send(line, b"finds nothing there")
        until(lambda: len(s.machine.datagrams) == 2 and s.loop._ripe_us != ripe_us)
        assert s.loop._gathered_us is not None


def test_a_turn_that_finds_nothing_puts_no_read_off_beyond_the_time_that_was_set_for_it() -> None:
    with scene(gather_us=60_000_000, patience_us=60_000_000) as s, UdpSocket.bind("127.0.0.1", 0) as line:
        s.loop.add(line)
        s.begin_to_gather()
        s.loop._gathered_us = now_us() + 30_000_000
        s.loop._ripe_us = now_us()
        s.send(line, b"finds nothing there")
        until(lambda: s.loop._ripe_us == s.loop._gathered_us)


def test_a_patient_loop_reads_the_common_socket_by_itself_when_the_time_is_over() -> None:
    with scene(gather_us=1_000, patience_us=30_000) as s:
        s.send(s.common, b"begins the gathering")
        until(lambda: len(s.machine.datagrams) == 1)
        s.send(s.common, b"waits")
        until(lambda: len(s.machine.datagrams) == 2)
        first_us, second_us = s.machine.batches_at_us
        assert second_us - first_us >= 30_000


def test_a_loop_in_haste_reads_the_common_socket_earlier_than_is_usual() -> None:
    with scene(gather_us=60_000_000, patience_us=1_000) as s:
        s.send(s.common, b"begins the gathering")
        until(lambda: len(s.machine.datagrams) == 1)
        s.send(s.common, b"waits a little")
        until(lambda: len(s.machine.datagrams) == 2)


def test_a_patient_loop_is_less_so_where_much_comes() -> None:
    with scene(gather_us=1_000, patience_us=60_000_000) as s:
        s.begin_to_gather()
        s.loop._gathered_us = now_us() + 50_000
        s.loop._ripe_us = s.loop._gathered_us
        s.send(s.common, *[b"x"] * (2 * GATHERED_DATAGRAMS))
        until(lambda: len(s.machine.datagrams) == 1 + 2 * GATHERED_DATAGRAMS)


def test_a_call_runs_in_the_loop_s_thread_and_returns_or_raises_what_it_does() -> None:
    async def scenario(loop: MediaLoop) -> None:
        assert await loop.call(lambda: threading.current_thread().name) == "media"
        with pytest.raises(ZeroDivisionError):
            await loop.call(lambda: 1 // 0)
        calls = [loop.call(partial(abs, -number)) for number in range(100)]
        assert await asyncio.gather(*calls) == list(range(100))

    with scene() as s:
        asyncio.run(scenario(s.loop))


def test_what_is_called_soon_runs_in_the_loop_s_thread_in_order_and_a_failure_is_reported() -> None:
    with scene() as made:
        ran: list[tuple[int, str]] = []
        for number in range(1000):
            made.loop.call_soon(partial(lambda it: ran.append((it, threading.current_thread().name)), number))
        made.loop.call_soon(lambda: 1 // 0)
        until(lambda: bool(made.errors))
        assert ran == [(number, "media") for number in range(1000)]
        assert isinstance(made.errors[0], ZeroDivisionError)


def test_no_call_is_forgotten_however_calls_and_turns_fall_together() -> None:
    with scene() as made:
        ran: list[int] = []

        def hammer() -> None:
            for number in range(5_000):
                made.loop.call_soon(partial(ran.append, number))

        threads = [threading.Thread(target=hammer) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        until(lambda: len(ran) == 15_000)
        # The loop sleeps now, and is woken once more.
        made.loop.call_soon(partial(ran.append, -1))
        until(lambda: ran[-1] == -1)


def test_what_is_called_soon_of_a_loop_that_does_not_run_is_passed_over() -> None:
    with scene(is_started=False) as made:
        made.loop.call_soon(lambda: made.errors.append(ValueError()))
    made.loop.call_soon(lambda: made.errors.append(ValueError()))
    assert made.errors == []


def test_a_call_that_a_stopping_loop_does_not_come_to_is_cancelled() -> None:
    async def scenario(s: Scene) -> None:
        entered, may_go = threading.Event(), threading.Event()

        def hold() -> None:
            entered.set()
            may_go.wait(10)

        held = asyncio.ensure_future(s.loop.call(hold))
        await asyncio.to_thread(entered.wait, 10)
        never = asyncio.ensure_future(s.loop.call(lambda: None))
        await asyncio.sleep(0)
        stopping = asyncio.ensure_future(asyncio.to_thread(s.loop.stop))
        await asyncio.to_thread(until, lambda: s.loop._is_stopping)
        may_go.set()
        await asyncio.gather(held, stopping)
        with pytest.raises(asyncio.CancelledError):
            await never
        with pytest.raises(RuntimeError, match="does not run"):
            await s.loop.call(lambda: None)

    with scene() as s:
        asyncio.run(scenario(s))


@pytest.mark.parametrize("name", ["handle_batch", "handle_timer", "poll_timer"])
def test_an_exception_in_the_machine_is_reported_and_the_loop_lives_on(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def fail(*_: object) -> None:
        monkeypatch.undo()
        raise ZeroDivisionError

    with scene() as s:
        monkeypatch.setattr(s.machine, name, fail)
        s.machine.due_us = now_us()
        s.send(s.common, b"bad")
        until(lambda: bool(s.errors))
        s.machine.due_us = now_us()
        s.send(s.common, b"good")
        until(lambda: b"good" in s.machine.datagrams and bool(s.machine.timers_us))
        assert [type(error) for error in s.errors] == [ZeroDivisionError]


def test_a_report_that_fails_does_not_end_the_reading() -> None:
    with UdpSocket.bind("127.0.0.1", 0) as udp, UdpSocket.bind("127.0.0.1", 0) as peer:

        def break_down() -> None:
            raise ValueError("a bug")

        def cannot_write(error: Exception) -> None:
            raise BrokenPipeError("nobody reads the log") from error

        machine = Recorder()
        machine.on_batch = break_down
        loop = MediaLoop(udp, machine, on_error=cannot_write)
        loop.start()
        batch = DatagramBatch(1)
        batch.append(b"x", udp.local_address)
        peer.send_batch(batch)
        until(lambda: len(machine.datagrams) == 1)
        peer.send_batch(batch)
        until(lambda: len(machine.datagrams) == 2)
        loop.stop()


def test_a_loop_starts_once_and_a_stopped_one_reads_no_more() -> None:
    with scene() as s:
        with pytest.raises(RuntimeError, match="started already"):
            s.loop.start()
        s.loop.stop()
        s.loop.stop()
        s.send(s.common, b"too late")
        assert s.machine.datagrams == []
        assert "media" not in [thread.name for thread in threading.enumerate()]
