"""What turns many sockets and one sans-IO machine in a thread of its own, away from the event loop.

Each turn reads all sockets that have something into one batch, so that the packets of many peers cost the machine
one call. How often it turns adapts: `TURNS_AT_ONCE` turns follow each other without a pause; who turns more often
than each `SHARE_US` waits for the rest of that time, in which more gathers.

Source: ``docs/decisions/0015-media-loop.md``, with what was measured.
"""

import contextlib
import selectors
import socket
import time
from asyncio import wrap_future
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import Any, Final, TypeVar

from headrace.base.datagram_batch import DatagramBatch
from headrace.netio.clock import now_us
from headrace.netio.pump import Machine
from headrace.netio.udp_socket import UdpSocket

SHARE_US: Final = 1_000
"""A busy loop turns once in this time: the longest that a packet waits for others."""
FRAME_US: Final = 100
"""A frame's first packet waits this long for the others: they leave together, for half of what two turns cost."""
TURNS_AT_ONCE: Final = 8
"""One channel's frame takes two or three: they do not wait."""
PACKETS_PER_SOCKET: Final = 32
"""Read at most from one peer before the others' packets go out: to 100 subscribers they take 3 ms to send."""
FEWEST_PER_SOCKET: Final = 8
"""So many are read even where each takes long: a frame, whose packets are to leave together."""
LONG_TURN_US: Final = 2_000
"""After a turn that took longer, half as many are read from one peer, so that the others need not wait so long."""
BATCH_PACKETS: Final = 512
FEW_DATAGRAMS: Final = 16
"""The common socket gathers for twice as long where no more come: they cost a turn all the same."""
GATHERED_DATAGRAMS: Final = 256
"""It gathers for less than the machine allows where more would come: then a batch costs more than a turn does."""

T = TypeVar("T")


class MediaLoop:
    """Reads a common socket and those of single peers, and calls the machine's timer when it is due.

    The machine is only ever called in the loop's thread; who wants something of it from elsewhere uses `call`, or
    `call_soon` where nobody waits for it.

    Args:
        socket: The common one, read by this loop alone.
        machine: What is driven.
        gather_us: After a read of the common socket, wait this long before the next one, or twice this long after
            a read of only a few, so that tiny datagrams are handled many at a time; 0 reads at once. It is rounded
            up to a millisecond.
        patience_us: Says at a time how long the common socket may gather in place of that; None leaves it so. From
            half of a longer time on it is read in the next turn that something else begins.
        is_coalescing: Whether packets of single peers wait for others too; without, each costs a turn of its own.
        batch_capacity: Datagrams handed over at a time.
        name: Of the thread.
        on_error: Gets each exception out of the machine, which is a bug in it, and of a socket. A single peer's is
            closed then, and the loop goes on; an error of the common socket ends it.
    """

    def __init__(
        self,
        socket: UdpSocket,
        machine: Machine,
        *,
        gather_us: int = 0,
        patience_us: Callable[[int], int | None] | None = None,
        is_coalescing: bool = True,
        batch_capacity: int = BATCH_PACKETS,
        name: str = "media",
        on_error: Callable[[Exception], None],
    ) -> None:
        self._socket = socket
        self._machine = machine
        self._batch = DatagramBatch(batch_capacity)
        self._gather_us = gather_us
        self._patience_us = patience_us
        self._is_coalescing = is_coalescing
        self._name = name
        self._report = on_error
        self._thread: Thread | None = None
        self._is_stopping = self._is_closed = False
        self._calls: deque[tuple[Callable[[], Any], Future[Any] | None]] = deque()
        self._has_rung = False
        self._lines: set[UdpSocket] = set()
        self._due_us: int | None = None
        self._gathered_us: int | None = None
        self._read_us = 0
        self._ripe_us = 0
        self._free_us = 0
        self._per_socket = PACKETS_PER_SOCKET

    def start(self) -> None:
        """Begin.

        Raises:
            RuntimeError: It has been started already.
            OSError: There are no descriptors left.
        """
        if self._thread is not None:
            raise RuntimeError("this loop has been started already")
        self._selector = selectors.DefaultSelector()
        self._bell, self._button = socket.socketpair()
        self._bell.setblocking(False)
        self._button.setblocking(False)
        self._selector.register(self._bell, selectors.EVENT_READ)
        self._selector.register(self._socket, selectors.EVENT_READ, self._socket)
        self._due_us = self._poll_timer()
        self._thread = Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End, once what is being handled has been, and leave the sockets open; a second time does nothing."""
        if self._thread is None or self._is_closed:
            return
        self._is_stopping = self._is_closed = True
        self._ring()
        self._thread.join()
        self._selector.close()
        self._bell.close()
        self._button.close()
        for _, future in self._calls:
            if future is not None:
                future.cancel()

    def add(self, socket: UdpSocket) -> None:
        """Read ``socket`` too, as soon as something arrives.

        Raises:
            OSError: The system cannot watch another one.
        """
        self._selector.register(socket, selectors.EVENT_READ, socket)
        self._lines.add(socket)

    def remove(self, socket: UdpSocket) -> None:
        """Read ``socket`` no more, and leave it open; one that is not read is passed over."""
        if socket in self._lines:
            self._lines.remove(socket)
            # A stopped loop has forgotten all.
            with contextlib.suppress(KeyError, RuntimeError):
                self._selector.unregister(socket)

    @property
    def line_count(self) -> int:
        """How many sockets of single peers are read."""
        return len(self._lines)

    async def call(self, function: Callable[[], T]) -> T:
        """Have the loop call ``function`` between two turns; return or raise what it does.

        Raises:
            asyncio.CancelledError: The loop is stopped before.
            RuntimeError: It has been stopped, or not been started.
        """
        if self._thread is None or self._is_stopping:
            raise RuntimeError("this loop does not run")
        future: Future[T] = Future()
        self._calls.append((function, future))
        self._ring()
        return await wrap_future(future)

    def call_soon(self, function: Callable[[], object]) -> None:
        """Have the loop call ``function`` between two turns, and wait for nothing; from any thread.

        What it raises is reported as an error of the machine's. A loop that does not run passes it over.
        """
        if self._thread is None or self._is_stopping:
            return
        self._calls.append((function, None))
        self._ring()

    def _ring(self) -> None:
        # A bell that is still ringing need not be rung again: it is silenced before the calls are looked at.
        if not self._has_rung:
            self._has_rung = True
            # One that is being closed is heard by nobody.
            with contextlib.suppress(OSError):
                self._button.send(b"!")

    def _run(self) -> None:
        while not self._is_stopping:
            ready = self._wait()
            if lines := [line for line in ready if line in self._lines]:
                if self._is_coalescing:
                    self._let_gather()
                if len(self._lines) > 1:
                    ready = self._select(0)
                    lines = [line for line in ready if line in self._lines]
                self._read_lines(lines)
            if self._socket in ready or self._has_gathered():
                self._read_common()
            if self._calls:
                self._answer_calls()
            self._run_due_timer()

    def _has_gathered(self) -> bool:
        """Whether enough has gathered for a turn that takes place anyway, or for one of its own."""
        return self._gathered_us is not None and self._ripe_us <= now_us()

    def _wait(self) -> list[UdpSocket]:
        due_us = self._due_us
        if self._gathered_us is not None:
            due_us = self._gathered_us if due_us is None else min(due_us, self._gathered_us)
        return self._select(None if due_us is None else max(0, due_us - now_us()) / 1e6)

    def _select(self, seconds: float | None) -> list[UdpSocket]:
        ready = []
        for key, _ in self._selector.select(seconds):
            if key.data is None:
                # In this order: what rings after the first line is read by it, and what rings after the second
                # rings again. Whoever does not ring in between is heard, as the calls are looked at next.
                self._bell.recv(4096)
                self._has_rung = False
            else:
                ready.append(key.data)
        return ready

    def _let_gather(self) -> None:
        """Wait for the rest of a frame, or where turns follow each other too fast for those of other channels."""
        time_us = now_us()
        self._free_us = max(self._free_us, time_us - TURNS_AT_ONCE * SHARE_US) + SHARE_US
        time.sleep(max(FRAME_US, self._free_us - time_us) / 1e6)

    def _read_lines(self, sockets: list[UdpSocket]) -> None:
        """Hand over what those sockets have, within bounds: what is left wakes the loop again."""
        began_us = now_us()
        batch = self._batch
        batch.count = 0
        for line in sockets:
            if batch.count == batch.capacity:
                self._handle_batch()
                batch.count = 0
            # The machine may have removed it.
            if line in self._lines:
                self._receive(line, self._per_socket)
        if batch.count:
            self._handle_batch()
        self._note_turn(now_us() - began_us)

    def _note_turn(self, took_us: int) -> None:
        if took_us > LONG_TURN_US:
            self._per_socket = max(FEWEST_PER_SOCKET, self._per_socket // 2)
        elif took_us < LONG_TURN_US // 4:
            self._per_socket = min(PACKETS_PER_SOCKET, self._per_socket * 2)

    def _read_common(self) -> None:
        """Hand over what has gathered; go back to being woken when that is nothing."""
        batch = self._batch
        batch.count = 0
        self._receive(self._socket, batch.capacity)
        if batch.count:
            self._handle_batch()
        if self._gather_us:
            self._gather_more(batch.count)

    def _gather_more(self, count: int) -> None:
        time_us = now_us()
        if count:
            if self._gathered_us is None:
                self._selector.unregister(self._socket)
                self._read_us = time_us - self._gather_us
            least_us, most_us = self._gather_again_us(count, time_us)
            self._read_us, self._ripe_us, self._gathered_us = time_us, time_us + least_us, time_us + most_us
        elif self._gathered_us is not None and self._gathered_us <= time_us:
            self._gathered_us = None
            self._selector.register(self._socket, selectors.EVENT_READ, self._socket)
        elif self._gathered_us is not None:
            self._ripe_us = min(time_us + self._gather_us, self._gathered_us)

    def _gather_again_us(self, count: int, time_us: int) -> tuple[int, int]:
        """Return how long is to be gathered for a turn that takes place anyway, and for one of its own."""
        if count == self._batch.capacity:
            return 0, 0
        usual_us = self._gather_us if count > FEW_DATAGRAMS else 2 * self._gather_us
        patience_us = None if self._patience_us is None else self._patience_us(time_us)
        if patience_us is None:
            return usual_us, usual_us
        if patience_us < usual_us:
            return patience_us, patience_us
        enough_us = (time_us - self._read_us) * GATHERED_DATAGRAMS // count
        most_us = max(usual_us, min(patience_us, enough_us))
        return max(self._gather_us, most_us // 2), most_us

    def _receive(self, socket: UdpSocket, limit: int) -> None:
        try:
            socket.receive_more(self._batch, limit)
        except OSError as error:
            if socket is self._socket:
                self._is_stopping = True
            else:
                # Left open it would go on getting what its peer sends; closed, that comes to the common one.
                self.remove(socket)
                socket.close()
            self._tell(error)

    def _answer_calls(self) -> None:
        for _ in range(len(self._calls)):  # one that follows an answer waits for the next turn
            function, future = self._calls.popleft()
            if future is None:
                self._call_for_nobody(function)
                continue
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(function())
            except BaseException as error:  # noqa: BLE001 - it is the caller's
                future.set_exception(error)

    def _call_for_nobody(self, function: Callable[[], object]) -> None:
        try:
            function()
        except Exception as error:  # noqa: BLE001 - a bug in the machine must not end the others' streams
            self._tell(error)

    def _handle_batch(self) -> None:
        try:
            self._machine.handle_batch(self._batch, now_us())
        except Exception as error:  # noqa: BLE001 - a bug in the machine must not end the others' streams
            self._tell(error)

    def _run_due_timer(self) -> None:
        self._due_us = self._poll_timer()
        time_us = now_us()
        if self._due_us is None or self._due_us > time_us:
            return
        try:
            self._machine.handle_timer(time_us)
        except Exception as error:  # noqa: BLE001 - a bug in the machine must not end the others' streams
            self._tell(error)
        self._due_us = self._poll_timer()

    def _poll_timer(self) -> int | None:
        try:
            return self._machine.poll_timer()
        except Exception as error:  # noqa: BLE001 - a bug in the machine must not end the others' streams
            self._tell(error)
            return None

    def _tell(self, error: Exception) -> None:
        # Where even the report fails, as a log that cannot be written, reading goes on.
        with contextlib.suppress(Exception):
            self._report(error)
