"""SRT callers and the broker's endpoint as endpoints of a `tests.simnet.network.SimNetwork`."""

from collections.abc import Callable
from random import Random

from tests.support.outbox import CollectingOutbox

from headrace.access.directory import OPEN_DIRECTORY, Directory
from headrace.base.datagram_batch import DatagramBatch
from headrace.endpoints.srt_endpoint import SrtEndpoint
from headrace.hub.limits import DEFAULT_LIMITS, Limits
from headrace.netio.clock import unix_time_us
from headrace.srt.caller import Caller, CallerOptions
from headrace.srt.connection import Connection
from headrace.srt.listener import ListenerOptions
from headrace.srt.receiver import Delivery
from headrace.srt.session_keys import SEED_BYTES


class BrokerPort:
    """A whole SRT endpoint of a broker.

    Args:
        seed: For its secrets and socket ids.
        gather_us: Datagrams are handed over in batches this long after the first, as the pump does.
        options: What it offers.
        outbox: What it sends through.
        directory: Who may do what.
        unix_time_us: Its wall clock.
        limits: How much of everything it bears.

    Attributes:
        endpoint: The broker's side under test.
        outbox: What it sends through.
    """

    def __init__(
        self,
        seed: int = 1,
        *,
        gather_us: int = 0,
        options: ListenerOptions | None = None,
        outbox: CollectingOutbox | None = None,
        directory: Directory | None = OPEN_DIRECTORY,
        unix_time_us: Callable[[], int] = unix_time_us,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self.outbox = outbox or CollectingOutbox()
        self.endpoint = SrtEndpoint(
            options or ListenerOptions(),
            self.outbox,
            Random(seed).randbytes,
            directory=directory,
            unix_time_us=unix_time_us,
            limits=limits,
        )
        self._batch = DatagramBatch(64)
        self._gather_us = gather_us
        self._gathered_at_us: int | None = None

    def handle_datagram(self, datagram: bytes, address: bytes, now_us: int) -> None:
        self._batch.append(datagram, address)
        if self._gathered_at_us is None:
            self._gathered_at_us = now_us + self._gather_us
        if now_us >= self._gathered_at_us or self._batch.count == self._batch.capacity:
            self._hand_over(now_us)

    def _hand_over(self, now_us: int) -> None:
        self._gathered_at_us = None
        self.endpoint.handle_batch(self._batch, now_us)
        # What the machine keeps must be its own: the pump fills the batch anew.
        self._batch.data[:] = 0xAA
        self._batch.count = 0

    def handle_timer(self, now_us: int) -> None:
        if self._gathered_at_us is not None and now_us >= self._gathered_at_us:
            self._hand_over(now_us)
        self.endpoint.handle_timer(now_us)

    def poll_timer(self) -> int | None:
        times = [t for t in (self._gathered_at_us, self.endpoint.poll_timer()) if t is not None]
        return min(times, default=None)

    def poll_datagrams(self) -> list[tuple[bytes, bytes]]:
        return self.outbox.take()


class CallerPort:
    """A caller, and then its connection, on its own clock.

    Args:
        broker: Address of the listener.
        options: What is asked for.
        start_us: The time.
        random: For socket id and sequence number.
        clock_ppm: How much faster than the network's its clock runs, in millionths.

    Attributes:
        deliveries: What came, as it was delivered, with the network's time of that.
        datagrams: Everything that came, whole, with its time.
        drops: Called with each datagram before it leaves: True loses it.
        is_dead: While True it neither sends nor hears, like a killed process.
    """

    def __init__(
        self, broker: bytes, options: CallerOptions, start_us: int, random: Random, *, clock_ppm: int = 0
    ) -> None:
        self.deliveries: list[tuple[int, Delivery]] = []
        self.datagrams: list[tuple[int, bytes]] = []
        self.drops: Callable[[bytes], bool] = lambda _: False
        self.is_dead = False
        self._broker = broker
        self._start_us = start_us
        self._clock_ppm = clock_ppm
        # Near the wrap, so that every conversation crosses it.
        self.caller = Caller(
            options,
            socket_id=random.randrange(1, 1 << 30),
            initial_seqno=(1 << 31) - 2 - random.randrange(50),
            now_us=start_us,
            key_seed=random.randbytes(SEED_BYTES) if options.passphrase else b"",
        )

    @property
    def connection(self) -> Connection:
        assert self.caller.connection is not None, self.caller.error
        return self.caller.connection

    @property
    def payloads(self) -> list[bytes]:
        """What was delivered, in order."""
        return [delivery.payload for _, delivery in self.deliveries]

    @property
    def _machine(self) -> Caller | Connection:
        return self.caller.connection or self.caller

    def local_us(self, now_us: int) -> int:
        """Return what its own clock shows."""
        return now_us + (now_us - self._start_us) * self._clock_ppm // 1_000_000

    def send(self, payload: bytes, now_us: int) -> None:
        self.connection.send(payload, self.local_us(now_us))

    def handle_datagram(self, datagram: bytes, address: bytes, now_us: int) -> None:
        if self.is_dead:
            return
        assert address == self._broker
        self.datagrams.append((now_us, datagram))
        self._machine.handle_datagram(datagram, self.local_us(now_us))

    def handle_timer(self, now_us: int) -> None:
        if self.is_dead:
            return
        local_us = self.local_us(now_us)
        self._machine.handle_timer(local_us)
        if self.caller.connection is not None:
            deliveries = self.caller.connection.poll_deliveries(local_us)
            self.deliveries += [(now_us, delivery) for delivery in deliveries]

    def poll_timer(self) -> int | None:
        if self.is_dead:
            return None
        connection = self.caller.connection
        times = [self._machine.poll_timer(), connection.poll_delivery_timer() if connection else None]
        due_us = min((t for t in times if t is not None), default=None)
        if due_us is None or not self._clock_ppm:
            return due_us
        elapsed_us = due_us - self._start_us
        return self._start_us + -(-elapsed_us * 1_000_000 // (1_000_000 + self._clock_ppm)) + 1

    def poll_datagrams(self) -> list[tuple[bytes, bytes]]:
        if self.is_dead:
            return []
        return [(d, self._broker) for d in self._machine.poll_datagrams() if not self.drops(d)]
