"""Endpoints, the links between them and the loop that plays all their events in order of time.

Nothing here looks at a real clock or at unseeded randomness, so a seed names one run for ever.

Source: discrete event simulation with a heap of events.
"""

from collections.abc import Callable
from heapq import heappop, heappush
from random import Random
from typing import Protocol

from tests.simnet.clock import SimClock
from tests.simnet.link import RunningLink, SimLink

MAX_CALLS_WITHOUT_PROGRESS = 10_000
"""A timer that is due again at once, so many times in a row, will not let time go on."""


class SimEndpoint(Protocol):
    """A sans-IO machine behind one address."""

    def handle_datagram(self, datagram: bytes, address: bytes, now_us: int) -> None:
        """Take a datagram that came from ``address``."""

    def handle_timer(self, now_us: int) -> None:
        """Do what is due."""

    def poll_timer(self) -> int | None:
        """Return when ``handle_timer`` wants to be called next, or None."""

    def poll_datagrams(self) -> list[tuple[bytes, bytes]]:
        """Return, and forget, the datagrams to send, each with its destination."""


class _Port:
    """An endpoint at its address, and the timer event that is in the heap for it."""

    __slots__ = ("address", "endpoint", "timer_at_us")

    def __init__(self, endpoint: SimEndpoint, address: bytes) -> None:
        self.endpoint = endpoint
        self.address = address
        self.timer_at_us: int | None = None


_Event = tuple[int, int, bytes, bytes | None, bytes]
"""(time, order, address of the receiver, datagram or None for a timer, address of the sender)."""


class SimNetwork:
    """A network of endpoints on a virtual clock.

    Args:
        seed: Names the run.
        default_link: Between two endpoints that `connect` did not join; None loses what they send each other.
        clock: Shared with whoever else needs the time.
        is_recording: Whether deliveries are kept in ``trace``.

    Attributes:
        clock: The virtual clock.
        trace: Deliveries as ``(time_us, sender, receiver, datagram)``, if recorded.
        events: Events played so far.
        unroutable: Datagrams to an address that nobody has, or without a link.
        meddle: Called with each datagram that is sent, its sender and its receiver; returns by how much more each
            of its copies is delayed: none loses it, ``(0,)`` lets it be.
    """

    def __init__(
        self,
        seed: int,
        *,
        default_link: SimLink | None = None,
        clock: SimClock | None = None,
        is_recording: bool = False,
    ) -> None:
        self.clock = clock or SimClock()
        self.trace: list[tuple[int, bytes, bytes, bytes]] = []
        self.events = 0
        self.unroutable = 0
        self.meddle: Callable[[bytes, bytes, bytes], tuple[int, ...]] | None = None
        self._seed = seed
        self._default_link = default_link
        self._is_recording = is_recording
        self._ports: dict[bytes, _Port] = {}
        self._links: dict[tuple[bytes, bytes], RunningLink] = {}
        self._heap: list[_Event] = []
        self._actions: dict[int, Callable[[], None]] = {}
        self._order = 0

    def add_endpoint(self, endpoint: SimEndpoint, address: bytes) -> None:
        """Put ``endpoint`` at ``address``; whoever was there is gone."""
        self._ports[address] = _Port(endpoint, address)

    def remove_endpoint(self, address: bytes) -> None:
        """Take away who is at ``address``, as when a process dies."""
        del self._ports[address]

    def connect(self, one: bytes, other: bytes, there: SimLink, back: SimLink | None = None) -> None:
        """Join two addresses; ``back`` is the way from ``other`` to ``one``, the same as ``there`` if None.

        Joining again changes the links under what is already on its way.
        """
        for sender, receiver, link in (one, other, there), (other, one, there if back is None else back):
            self.link(sender, receiver, link)

    def link(self, sender: bytes, receiver: bytes, link: SimLink | None = None) -> RunningLink:
        """Return the running link of one direction, with new settings if ``link`` is given."""
        running = self._links.get((sender, receiver))
        if running is None:
            random = Random(f"{self._seed}/{sender.hex()}/{receiver.hex()}")
            running = self._links[sender, receiver] = RunningLink(link or SimLink(), random)
        elif link is not None:
            running.link = link
        return running

    def call_at(self, time_us: int, action: Callable[[], None]) -> None:
        """Have ``action`` called at ``time_us``; whatever endpoints want to send afterwards is sent then."""
        self._order += 1
        self._actions[self._order] = action
        heappush(self._heap, (max(time_us, self.clock.now_us), self._order, b"", None, b""))

    def run_until(self, time_us: int) -> None:
        """Play every event up to and including ``time_us``, and leave the clock there."""
        self._run(time_us, None)
        self.clock.advance_to(time_us)

    def run_for(self, duration_us: int) -> None:
        """Play every event of the next ``duration_us``."""
        self.run_until(self.clock.now_us + duration_us)

    def run_until_true(self, condition: Callable[[], bool], limit_us: int) -> bool:
        """Play events until ``condition`` holds after one; return False if it never did up to ``limit_us``."""
        return self._run(limit_us, condition)

    def _run(self, limit_us: int, condition: Callable[[], bool] | None) -> bool:
        self._flush_all()
        if condition is not None and condition():
            return True
        heap, clock = self._heap, self.clock
        calls_without_progress = 0
        while heap and heap[0][0] <= limit_us:
            time_us, order, receiver, datagram, sender = heappop(heap)
            calls_without_progress = 0 if time_us > clock.now_us else calls_without_progress + (datagram is None)
            if calls_without_progress > MAX_CALLS_WITHOUT_PROGRESS:
                raise AssertionError(f"the timer of {receiver.hex()} stays due at {time_us} us for ever")
            clock.now_us = time_us
            self.events += 1
            if datagram is not None:
                self._deliver(receiver, datagram, sender)
            elif order in self._actions:
                self._actions.pop(order)()
                self._flush_all()
            else:
                self._fire(receiver)
            if condition is not None and condition():
                return True
        return False

    def _deliver(self, receiver: bytes, datagram: bytes, sender: bytes) -> None:
        port = self._ports.get(receiver)
        if port is None:
            self.unroutable += 1
            return
        now_us = self.clock.now_us
        if self._is_recording:
            self.trace.append((now_us, sender, receiver, datagram))
        port.endpoint.handle_datagram(datagram, sender, now_us)
        self._flush(port)

    def _fire(self, address: bytes) -> None:
        port = self._ports.get(address)
        now_us = self.clock.now_us
        # An earlier event took this one's place, or another endpoint now lives here.
        if port is None or port.timer_at_us != now_us:
            return
        port.timer_at_us = None
        due_us = port.endpoint.poll_timer()
        if due_us is not None and due_us <= now_us:
            port.endpoint.handle_timer(now_us)
        self._flush(port)

    def _flush_all(self) -> None:
        for port in list(self._ports.values()):
            self._flush(port)

    def _flush(self, port: _Port) -> None:
        """Send what the endpoint wants to send, and put its timer into the heap if that got earlier."""
        for datagram, receiver in port.endpoint.poll_datagrams():
            self._send(datagram, port.address, receiver)
        due_us = port.endpoint.poll_timer()
        if due_us is not None and (port.timer_at_us is None or due_us < port.timer_at_us):
            port.timer_at_us = max(due_us, self.clock.now_us)
            self._order += 1
            heappush(self._heap, (port.timer_at_us, self._order, port.address, None, b""))

    def _send(self, datagram: bytes, sender: bytes, receiver: bytes) -> None:
        running = self._links.get((sender, receiver))
        if running is None:
            if self._default_link is None:
                self.unroutable += 1
                return
            running = self.link(sender, receiver, self._default_link)
        delays_us = (0,) if self.meddle is None else self.meddle(datagram, sender, receiver)
        for arrival_us in running.arrivals_us(len(datagram), self.clock.now_us):
            for delay_us in delays_us:
                self._order += 1
                heappush(self._heap, (arrival_us + delay_us, self._order, receiver, datagram, sender))
