"""Producers and subscribers that speak SRT with one broker: a channel for each producer.

Subscribers connect first, so that nobody has a backlog to catch up with.
"""

from collections.abc import Sequence
from typing import Final

from headrace.bench.emulated_link import EmulatedLink, Way
from headrace.bench.joining import producer_options, subscriber_options
from headrace.bench.light_producers import LightProducers
from headrace.bench.light_subscribers import LightSubscribers
from headrace.bench.load import Load, LoadCounts, Observer, run_loads
from headrace.bench.loopback_port import LoadError, LoopbackPort
from headrace.bench.stream import Stream
from headrace.netio.clock import now_us

CONNECT_SECONDS: Final = 60.0
"""A thousand take one, on a machine with nothing else to do."""


class SrtLoad:
    """A load of one broker, connected to it.

    Args:
        broker_port: On the loopback interface.
        stream: What the producers send.
        subscribers: How many of each channel; one producer for each.
        latency_ms: Of the subscribers.
        way: What lies between producers and broker, if anything.
        observer: Is told of data packets; arrivals are stamped then.
        name: Of the channels, with their numbers.
        beside: Other loads, which are kept alive until this one is connected.

    Attributes:
        producers: Row ``n`` sends channel ``n``.
        subscribers: Those of channel 0 come first.

    Raises:
        HeadraceError: The broker cannot be reached, or refuses somebody.
    """

    def __init__(
        self,
        broker_port: int,
        stream: Stream,
        *,
        subscribers: Sequence[int],
        latency_ms: int = 120,
        way: Way | None = None,
        observer: Observer | None = None,
        name: str = "BENCH",
        beside: Sequence[Load] = (),
    ) -> None:
        channel_ids = [f"{name}-{number}" for number in range(len(subscribers))]
        self._of_channel = list(subscribers)
        self._ports = [
            LoopbackPort(broker_port, max(1, count), stamps=observer is not None)
            for count in (sum(subscribers), len(channel_ids))
        ]
        options = [
            option
            for channel_id, count in zip(channel_ids, subscribers, strict=True)
            for option in subscriber_options(channel_id, count, latency_ms)
        ]
        self.subscribers = LightSubscribers(self._ports[0], options, observer)
        far = self._ports[1] if way is None else EmulatedLink(self._ports[1], way)
        self.producers = LightProducers(far, [], stream)
        try:
            self._connect(beside)
            self.producers = LightProducers(far, producer_options(channel_ids), stream, observer)
            self._connect(beside)
        except BaseException:
            self.close()
            raise

    def _connect(self, beside: Sequence[Load]) -> None:
        end_us = now_us() + int(1e6 * CONNECT_SECONDS)
        while not (self.subscribers.is_connected and self.producers.is_connected):
            run_loads([self, *beside], 0.001)
            if now_us() > end_us:
                raise LoadError(f"not everybody had a connection after {CONNECT_SECONDS:.0f} s")

    @property
    def next_frame_us(self) -> int:
        """See `Load`."""
        return self.producers.next_frame_us

    def start(self) -> None:
        """See `Load`."""
        self.producers.start()

    def pause(self) -> None:
        """See `Load`."""
        self.producers.pause()

    def turn(self) -> None:
        """See `Load`."""
        self.producers.turn()
        self.subscribers.turn()

    def counts(self) -> LoadCounts:
        """See `Load`."""
        sent = self.producers.next_index.tolist()
        return LoadCounts.of(
            self.subscribers.arrivals,
            due_packets=sum(a * b for a, b in zip(sent, self._of_channel, strict=True)),
            dropped_datagrams=sum(port.dropped_datagrams for port in self._ports),
            shutdowns=self.subscribers.shutdowns + self.producers.shutdowns,
        )

    def close(self) -> None:
        """End all connections."""
        self.producers.close()
        self.subscribers.close()
        for port in self._ports:
            port.close()
