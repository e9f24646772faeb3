"""One direction of a network path that loses, delays, doubles and reorders datagrams.

Source: the Gilbert-Elliott model with a good state that loses nothing and a bad one that loses all; independent
(Bernoulli) loss is its special case where the state has no memory.
"""

from dataclasses import dataclass
from random import Random

HEADERS_BYTES = 28
"""IPv4 and UDP, which take their share of a limited rate."""


@dataclass(frozen=True, slots=True)
class SimLink:
    """How one direction of a path behaves.

    Attributes:
        latency_us: One-way delay of every datagram.
        jitter_us: Up to this much more, evenly spread; order is kept all the same, as in a queue.
        loss: Share of datagrams lost, in [0, 1).
        mean_burst_packets: Losses come in runs of this mean length; None loses each independently.
        duplication: Share of datagrams that arrive twice.
        reordering: Share of datagrams that are held back ``reorder_us`` longer, and overtaken meanwhile.
        reorder_us: How long those are held back.
        rate_bps: Bits a second that the link carries, headers included; None is without limit.
        queue_us: At a limited rate, a datagram that would wait longer than this is lost.
        outages: ``(start_us, end_us)`` windows in which everything that is sent is lost.
    """

    latency_us: int = 0
    jitter_us: int = 0
    loss: float = 0.0
    mean_burst_packets: float | None = None
    duplication: float = 0.0
    reordering: float = 0.0
    reorder_us: int = 5_000
    rate_bps: int | None = None
    queue_us: int = 200_000
    outages: tuple[tuple[int, int], ...] = ()


@dataclass(slots=True)
class LinkCounters:
    """What became of the datagrams that were offered to a link.

    Attributes:
        offered: Datagrams handed to the link.
        lost: Those of them that never arrive.
        duplicated: Those of them that arrive twice.
        reordered: Those of them that were held back.
    """

    offered: int = 0
    lost: int = 0
    duplicated: int = 0
    reordered: int = 0


class RunningLink:
    """A link in use: its settings, its randomness and what has happened on it.

    Attributes:
        link: Settings; a test may replace them between two datagrams.
        counters: What became of the datagrams so far.
    """

    def __init__(self, link: SimLink, random: Random) -> None:
        self.link = link
        self.counters = LinkCounters()
        self._random = random
        self._is_losing = False
        self._sent_until_us = 0
        self._last_arrival_us = 0

    def arrivals_us(self, size_bytes: int, now_us: int) -> tuple[int, ...]:
        """Return when a datagram sent now arrives: never, once or twice."""
        self.counters.offered += 1
        sent_us = self._transmit(size_bytes, now_us)
        if sent_us is None or self._loses(now_us):
            self.counters.lost += 1
            return ()
        arrival_us = self._arrival_us(sent_us)
        link = self.link
        if link.duplication and self._random.random() < link.duplication:
            self.counters.duplicated += 1
            return arrival_us, arrival_us
        return (arrival_us,)

    def _transmit(self, size_bytes: int, now_us: int) -> int | None:
        """Return when the last bit has left, or None if the queue is full."""
        rate_bps = self.link.rate_bps
        if rate_bps is None:
            return now_us
        start_us = max(now_us, self._sent_until_us)
        if start_us - now_us > self.link.queue_us:
            return None
        self._sent_until_us = start_us + (size_bytes + HEADERS_BYTES) * 8_000_000 // rate_bps
        return self._sent_until_us

    def _loses(self, now_us: int) -> bool:
        link = self.link
        if link.outages and any(start_us <= now_us < end_us for start_us, end_us in link.outages):
            return True
        if not link.loss:
            return False
        if link.mean_burst_packets is None:
            return self._random.random() < link.loss
        leave = 1 / link.mean_burst_packets
        enter = leave * link.loss / (1 - link.loss)
        self._is_losing = self._random.random() < (1 - leave if self._is_losing else enter)
        return self._is_losing

    def _arrival_us(self, sent_us: int) -> int:
        link, random = self.link, self._random
        arrival_us = sent_us + link.latency_us
        if link.jitter_us:
            arrival_us += int(random.random() * (link.jitter_us + 1))
        if link.reordering and random.random() < link.reordering:
            self.counters.reordered += 1
            return arrival_us + link.reorder_us
        self._last_arrival_us = max(self._last_arrival_us, arrival_us)
        return self._last_arrival_us
