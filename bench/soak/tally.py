"""What the load has seen so far."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """Counters of all subscribers and producers.

    Attributes:
        joins: Subscribers that connected.
        departures: Subscribers that left, by how.
        producer_ends: Producers that ended, by how.
        received_packets: By subscribers.
        recovered_packets: Passed over first, but came.
        orphaned_packets: The broker said that they will not come, right after their producer had died.
        faults: What must not happen, by name.
        latencies_us: From a producer to subscribers, since they were last taken away.
    """

    joins: int = 0
    departures: Counter[str] = field(default_factory=Counter)
    producer_ends: Counter[str] = field(default_factory=Counter)
    received_packets: int = 0
    recovered_packets: int = 0
    orphaned_packets: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    latencies_us: list[int] = field(default_factory=list)

    def take_latencies_us(self) -> list[int]:
        """Return the latencies measured since the last call."""
        taken, self.latencies_us = self.latencies_us, []
        return taken
