"""The asyncio pump, on a real loop and real sockets."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

from headrace.base.datagram_batch import DatagramBatch
from headrace.netio.clock import now_us
from headrace.netio.pump import MAX_BATCHES_PER_WAKE_UP, Pump
from headrace.netio.udp_socket import UdpSocket


class Recorder:
    """A machine that writes down what it was given."""

    def __init__(self) -> None:
        self.datagrams: list[bytes] = []
        self.batches: list[int] = []
        self.batches_at_us: list[int] = []
        self.timers_us: list[int] = []
        self.due_us: int | None = None
        self.period_us: int | None = None
        self.polls = 0
        self.on_batch: Callable[[], None] = lambda: None

    def handle_batch(self, batch: DatagramBatch, now_us: int) -> None:
        self.datagrams += [batch.datagram(row) for row in range(batch.count)]
        self.batches.append(batch.count)
        self.batches_at_us.append(now_us)
        self.on_batch()

    def handle_timer(self, now_us: int) -> None:
        self.timers_us.append(now_us)
        self.due_us = None if self.period_us is None else now_us + self.period_us

    def poll_timer(self) -> int | None:
        self.polls += 1
        return self.due_us


@contextlib.asynccontextmanager
async def pumped(
    machine: Recorder,
    *,
    batch_capacity: int = 512,
    on_error: Callable[[Exception], None] | None = None,
) -> AsyncIterator[tuple[Pump, UdpSocket, UdpSocket]]:
    with UdpSocket.bind("127.0.0.1", 0) as udp, UdpSocket.bind("127.0.0.1", 0) as peer:
        pump = Pump(udp, machine, batch_capacity=batch_capacity, on_error=on_error)
        pump.start()
        try:
            yield pump, udp, peer
        finally:
            pump.stop()


def send(peer: UdpSocket, udp: UdpSocket, *datagrams: bytes) -> None:
    batch = DatagramBatch(len(datagrams))
    for datagram in datagrams:
        batch.append(datagram, udp.local_address)
    assert peer.send_batch(batch) == len(datagrams)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


def test_what_arrives_is_handed_over_in_order_in_one_batch() -> None:
    async def run() -> None:
        machine = Recorder()
        async with pumped(machine) as (_, udp, peer):
            send(peer, udp, b"a", b"b", b"c")
            await until(lambda: len(machine.datagrams) == 3)
        assert machine.datagrams == [b"a", b"b", b"c"]
        assert machine.batches == [3]
        assert abs(machine.batches_at_us[0] - now_us()) < 5_000_000

    asyncio.run(run())


def test_one_wake_up_reads_a_bounded_number_of_batches() -> None:
    async def run() -> None:
        machine = Recorder()
        async with pumped(machine, batch_capacity=2) as (pump, udp, peer):
            send(peer, udp, *[b"x"] * 40)
            pump._on_readable()
            assert machine.batches == [2] * MAX_BATCHES_PER_WAKE_UP
            await until(lambda: len(machine.datagrams) == 40)

    asyncio.run(run())


def test_a_timer_is_called_when_due_and_not_before() -> None:
    async def run() -> None:
        machine = Recorder()
        machine.due_us = due_us = now_us() + 20_000
        async with pumped(machine):
            await until(lambda: bool(machine.timers_us))
        assert due_us <= machine.timers_us[0] < due_us + 1_000_000
        assert len(machine.timers_us) == 1

    asyncio.run(run())


def test_a_periodic_timer_keeps_going() -> None:
    async def run() -> None:
        machine = Recorder()
        machine.due_us, machine.period_us = now_us(), 2000
        async with pumped(machine):
            await until(lambda: len(machine.timers_us) == 5)

    asyncio.run(run())


def test_a_timer_set_while_handling_a_batch_is_kept() -> None:
    async def run() -> None:
        machine = Recorder()

        def set_timer() -> None:
            machine.due_us = now_us() + 5000

        machine.on_batch = set_timer
        async with pumped(machine) as (_, udp, peer):
            send(peer, udp, b"x")
            await until(lambda: bool(machine.timers_us))

    asyncio.run(run())


def test_a_timer_that_is_due_is_served_between_busy_reads() -> None:
    async def run() -> None:
        machine = Recorder()
        async with pumped(machine) as (pump, udp, peer):
            machine.due_us = now_us() - 1
            send(peer, udp, b"x")
            pump._on_readable()
            assert len(machine.timers_us) == 1

    asyncio.run(run())


def test_a_later_wish_keeps_the_handle_and_an_earlier_one_replaces_it() -> None:
    async def run() -> None:
        machine = Recorder()
        machine.due_us = now_us() + 60_000_000
        async with pumped(machine) as (pump, _, _):
            first = pump._timer
            machine.due_us += 5_000_000
            pump.reschedule()
            assert pump._timer is first
            machine.due_us = now_us() + 1000
            pump.reschedule()
            assert pump._timer is not first
            await until(lambda: len(machine.timers_us) == 1)

    asyncio.run(run())


def test_a_handle_that_fires_for_a_wish_moved_later_only_sets_a_new_one() -> None:
    async def run() -> None:
        machine = Recorder()
        machine.due_us = now_us() + 5000
        async with pumped(machine) as (pump, _, _):
            first = pump._timer
            machine.due_us = due_us = now_us() + 40_000
            await until(lambda: pump._timer is not first)
            await until(lambda: bool(machine.timers_us))
            assert machine.timers_us[0] >= due_us

    asyncio.run(run())


@pytest.mark.parametrize("name", ["handle_batch", "handle_timer", "poll_timer"])
def test_an_exception_in_the_machine_is_reported_and_the_pump_lives_on(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    async def run() -> None:
        machine, errors = Recorder(), list[Exception]()

        def fail(*_: object) -> None:
            monkeypatch.undo()
            raise ZeroDivisionError

        async with pumped(machine, on_error=errors.append) as (_, udp, peer):
            monkeypatch.setattr(machine, name, fail)
            machine.due_us = now_us()
            send(peer, udp, b"bad")
            await until(lambda: bool(errors))
            send(peer, udp, b"good")
            await until(lambda: b"good" in machine.datagrams and bool(machine.timers_us))
        assert [type(error) for error in errors] == [ZeroDivisionError]

    asyncio.run(run())


def test_without_a_callback_the_loops_exception_handler_is_told() -> None:
    async def run() -> None:
        machine, contexts = Recorder(), list[object]()
        asyncio.get_running_loop().set_exception_handler(lambda _, context: contexts.append(context["exception"]))

        def fail() -> None:
            raise ZeroDivisionError

        machine.on_batch = fail
        async with pumped(machine) as (_, udp, peer):
            send(peer, udp, b"bad")
            await until(lambda: bool(contexts))
        assert isinstance(contexts[0], ZeroDivisionError)

    asyncio.run(run())


def test_a_stopped_pump_reads_and_wakes_no_more() -> None:
    async def run() -> None:
        machine = Recorder()
        async with pumped(machine) as (pump, udp, peer):
            send(peer, udp, b"x")
            await until(lambda: bool(machine.datagrams))
            machine.due_us = now_us() + 5000
            pump.reschedule()
            pump.stop()
            pump.stop()
            pump.reschedule()
            send(peer, udp, b"y")
            await asyncio.sleep(0.02)
            assert machine.datagrams == [b"x"]
            assert machine.timers_us == []

    asyncio.run(run())


def test_a_machine_may_stop_its_own_pump() -> None:
    async def run() -> None:
        machine = Recorder()
        async with pumped(machine, batch_capacity=1) as (pump, udp, peer):
            machine.on_batch = pump.stop
            machine.due_us = now_us()
            send(peer, udp, b"x", b"y")
            await until(lambda: bool(machine.datagrams))
            await asyncio.sleep(0.01)
            assert machine.datagrams == [b"x"]

    asyncio.run(run())


def test_a_socket_closed_under_the_pump_is_reported_and_ends_it() -> None:
    async def run() -> None:
        machine, errors = Recorder(), list[Exception]()
        async with pumped(machine, on_error=errors.append) as (pump, udp, _):
            udp.close()
            pump._on_readable()
            assert isinstance(errors[0], OSError)
            assert pump._loop is None

    asyncio.run(run())


def test_a_pump_starts_once_and_in_a_running_loop_only() -> None:
    with UdpSocket.bind("127.0.0.1", 0) as udp, pytest.raises(RuntimeError, match="no running event loop"):
        Pump(udp, Recorder()).start()

    async def run() -> None:
        async with pumped(Recorder()) as (pump, _, _):
            with pytest.raises(RuntimeError, match="started already"):
                pump.start()

    asyncio.run(run())


def test_a_report_that_fails_does_not_end_the_reading() -> None:
    async def scenario() -> None:
        machine = Recorder()

        def break_down() -> None:
            raise ValueError("a bug")

        def cannot_write(error: Exception) -> None:
            raise BrokenPipeError("nobody reads the log") from error

        async with pumped(machine, on_error=cannot_write) as (_, udp, peer):
            machine.on_batch = break_down
            send(peer, udp, b"first")
            await until(lambda: machine.datagrams == [b"first"])
            machine.on_batch = lambda: None
            send(peer, udp, b"second")
            await until(lambda: machine.datagrams == [b"first", b"second"])

    asyncio.run(scenario())
