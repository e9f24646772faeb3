"""What turns one socket and one sans-IO machine inside an asyncio event loop.

Source: the run loop of sans-IO protocols: one input, drain every output, sleep until the machine's own timer.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final, Protocol

from headrace.base.datagram_batch import DatagramBatch
from headrace.netio.clock import now_us
from headrace.netio.udp_socket import UdpSocket

MAX_BATCHES_PER_WAKE_UP: Final = 8
"""So much is read before the loop's other tasks and timers get their turn."""


class Machine(Protocol):
    """What a pump drives. It sends by itself, through whatever it was given for that."""

    def handle_batch(self, batch: DatagramBatch, now_us: int) -> None:
        """Take datagrams; the batch is filled anew afterwards, so keep no view of it."""

    def handle_timer(self, now_us: int) -> None:
        """Do what has become due."""

    def poll_timer(self) -> int | None:
        """Return the monotonic microsecond of the next ``handle_timer``, or None."""


class Pump:
    """Reads a socket when datagrams arrive and calls the machine's timer when it is due.

    There is one loop timer. It is left alone while the wanted wake-up is not earlier than the one that is
    set: waking up once too often is cheaper than a cancelled handle for every packet.

    Args:
        socket: Read by this pump alone.
        machine: What is driven.
        batch_capacity: Datagrams read with one call.
        on_error: Gets each exception out of the machine, which is a bug in it; the pump goes on. By default
            it goes to the loop's exception handler.
    """

    def __init__(
        self,
        socket: UdpSocket,
        machine: Machine,
        *,
        batch_capacity: int = 512,
        on_error: Callable[[Exception], None] | None = None,
    ) -> None:
        self._socket = socket
        self._machine = machine
        self._batch = DatagramBatch(batch_capacity)
        self._report = on_error or self._tell_loop
        self._loop: asyncio.AbstractEventLoop | None = None
        self._descriptor = -1
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at_us = 0

    def start(self) -> None:
        """Begin, in the running event loop.

        Raises:
            RuntimeError: No loop runs, or the pump has been started.
        """
        if self._loop is not None:
            raise RuntimeError("this pump has been started already")
        self._loop = asyncio.get_running_loop()
        self._descriptor = self._socket.fileno()
        self._loop.add_reader(self._descriptor, self._on_readable)
        self.reschedule()

    def stop(self) -> None:
        """End, and leave the socket open; a second time does nothing."""
        if self._loop is None:
            return
        self._loop.remove_reader(self._descriptor)
        if self._timer is not None:
            self._timer.cancel()
        self._loop = self._timer = None

    def reschedule(self) -> None:
        """Look at the machine's timer again, because something but this pump has changed it."""
        if self._loop is None:
            return
        due_us = self._poll_timer()
        if due_us is None or (self._timer is not None and self._timer_at_us <= due_us):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at_us = due_us
        self._timer = self._loop.call_later(max(0, due_us - now_us()) / 1e6, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._run_due_timer()
        self.reschedule()

    def _on_readable(self) -> None:
        """Hand over what is there, within bounds, then see to the timer."""
        for _ in range(MAX_BATCHES_PER_WAKE_UP):
            try:
                count = self._socket.receive_batch(self._batch)
            except OSError as error:
                self.stop()
                self._tell(error)
                return
            if not count:
                break
            self._handle_batch()
            # The machine may have stopped this pump.
            if count < self._batch.capacity or self._loop is None:
                break
        self._run_due_timer()
        self.reschedule()

    def _handle_batch(self) -> None:
        try:
            self._machine.handle_batch(self._batch, now_us())
        except Exception as error:  # noqa: BLE001 - a bug in the machine must not end the others' streams
            self._tell(error)

    def _run_due_timer(self) -> None:
        due_us = self._poll_timer()
        time_us = now_us()
        if due_us is None or due_us > time_us or self._loop is None:
            return
        try:
            self._machine.handle_timer(time_us)
        except Exception as error:  # noqa: BLE001 - a bug in the machine must not end the others' streams
            self._tell(error)

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

    def _tell_loop(self, error: Exception) -> None:
        asyncio.get_running_loop().call_exception_handler(
            {"message": "a machine failed to handle its input", "exception": error}
        )
