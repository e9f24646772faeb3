"""A broker's endpoint and its peers on a network without delay or loss, in virtual time."""

from collections.abc import Iterator
from random import Random

import pytest
from tests.simnet.link import SimLink
from tests.simnet.network import SimNetwork
from tests.simnet.srt_ports import BrokerPort, CallerPort
from tests.support.outbox import CollectingOutbox

from headrace.access.directory import OPEN_DIRECTORY, Directory
from headrace.base.sockaddr import encode_sockaddr
from headrace.endpoints import subscriber_links
from headrace.endpoints.srt_endpoint import SrtEndpoint
from headrace.hub.channel import Channel
from headrace.hub.limits import DEFAULT_LIMITS, Limits
from headrace.srt.caller import CallerOptions
from headrace.srt.listener import ListenerOptions

MS = 1000
SECOND = 1_000_000
START_UNIX_US = 1_800_000_000_000_000
BROKER = encode_sockaddr("10.0.0.1", 8890)


class World:
    """Everything that a test of the broker's endpoint needs.

    Args:
        seed: Names the run.
        link: Between the broker and every peer.
        gather_us: As of `BrokerPort`.
        options: What the broker offers.
        outbox: What the broker sends through.
        directory: Who may do what.
        limits: How much of everything the broker bears.

    Attributes:
        network: Plays what happens.
        port: The broker at its address.
    """

    def __init__(
        self,
        seed: int = 1,
        *,
        link: SimLink | None = None,
        gather_us: int = 0,
        options: ListenerOptions | None = None,
        outbox: CollectingOutbox | None = None,
        directory: Directory | None = OPEN_DIRECTORY,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self.network = SimNetwork(seed, default_link=link or SimLink())
        self.port = BrokerPort(
            seed,
            gather_us=gather_us,
            options=options,
            outbox=outbox,
            directory=directory,
            limits=limits,
            unix_time_us=lambda: self.unix_us,
        )
        self.network.add_endpoint(self.port, BROKER)
        self._random = Random(seed)
        self._addresses = _peer_addresses()
        self._number = 0

    @property
    def endpoint(self) -> SrtEndpoint:
        return self.port.endpoint

    @property
    def ignored(self) -> dict[str, int]:
        """What was dropped, by reason."""
        return dict(+self.endpoint.ignored_packets)

    @property
    def now_us(self) -> int:
        return self.network.clock.now_us

    @property
    def unix_us(self) -> int:
        """The wall clock's time."""
        return START_UNIX_US + self.now_us

    def use(self, directory: Directory) -> None:
        """Have the broker decide by another directory."""
        self.endpoint.use_directory(directory, self.now_us)
        self.run(MS)

    def channel(self, channel_id: str) -> Channel:
        return self.endpoint.hub.channels[channel_id]

    def run(self, duration_us: int) -> None:
        self.network.run_for(duration_us)

    def run_long(self, duration_us: int) -> None:
        """Run for hours: the broker looks its subscribers over every half second, and not every 50 ms."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(subscriber_links, "SWEEP_INTERVAL_US", SECOND // 2)
            self.run(duration_us)

    def call(
        self,
        stream_id: str,
        address: bytes | None = None,
        *,
        clock_ppm: int = 0,
        latency_ms: int = 120,
        peer_latency_ms: int = 0,
    ) -> CallerPort:
        """Put a caller onto the network; it begins to shake hands when the network runs.

        Args:
            stream_id: What it asks for.
            address: Its own; None gives it a new one.
            clock_ppm: As of `CallerPort`.
            latency_ms: Its delivery delay as a receiver.
            peer_latency_ms: The broker's delivery delay that it asks for as a sender.
        """
        options = CallerOptions(
            stream_id=stream_id, receive_latency_ms=latency_ms, peer_latency_ms=peer_latency_ms
        )
        return self.call_with(options, address, clock_ppm=clock_ppm)

    def call_with(self, options: CallerOptions, address: bytes | None = None, *, clock_ppm: int = 0) -> CallerPort:
        """Put a caller that asks for ``options`` onto the network, as `call` does."""
        caller = CallerPort(BROKER, options, self.now_us, self._random, clock_ppm=clock_ppm)
        self.network.add_endpoint(caller, address or next(self._addresses))
        return caller

    def join_with(self, options: CallerOptions, address: bytes | None = None) -> CallerPort:
        """Return a caller that is connected and asked for ``options``."""
        caller = self.call_with(options, address)
        limit_us = self.now_us + 3 * SECOND
        assert self.network.run_until_true(lambda: caller.caller.connection is not None, limit_us)
        return caller

    def join(
        self,
        stream_id: str,
        address: bytes | None = None,
        *,
        clock_ppm: int = 0,
        latency_ms: int = 120,
        peer_latency_ms: int = 0,
    ) -> CallerPort:
        """Return a caller that is connected; the arguments are those of `call`."""
        caller = self.call(
            stream_id, address, clock_ppm=clock_ppm, latency_ms=latency_ms, peer_latency_ms=peer_latency_ms
        )
        limit_us = self.now_us + 3 * SECOND
        assert self.network.run_until_true(lambda: caller.caller.connection is not None, limit_us)
        return caller

    def join_many(self, stream_id: str, count: int) -> list[CallerPort]:
        """Return callers that shook hands side by side, many times faster than as many calls of `join`."""
        callers = [self.call(stream_id) for _ in range(count)]
        self.run(SECOND)
        assert all(caller.caller.connection is not None for caller in callers)
        return callers

    def send(self, producer: CallerPort, count: int = 1, interval_us: int = 10 * MS) -> list[bytes]:
        """Have ``producer`` send numbered payloads, and run the network for as long as that takes."""
        sent = []
        for _ in range(count):
            sent.append(f"{self._number:08}".encode() * 20)
            self._number += 1
            producer.send(sent[-1], self.now_us)
            self.run(interval_us)
        return sent

    def inject(self, datagram: bytes, address: bytes) -> list[tuple[bytes, bytes]]:
        """Hand the broker a datagram; return what it sends at once, which then goes nowhere."""
        self.port.handle_datagram(datagram, address, self.now_us)
        return self.port.poll_datagrams()


def _peer_addresses() -> Iterator[bytes]:
    for number in range(1 << 16):
        yield encode_sockaddr(f"10.1.{number >> 8}.{number & 0xFF}", 5000 + number % 50_000)
