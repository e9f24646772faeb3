"""What a channel got of its producers in all, of each while it was on the air.

Source: Prometheus, "metric types": a counter that falls is taken for one that has begun anew.
"""

from typing import Final

from headrace.hub.producer import Producer

COUNTED: Final = (
    "received_packets",
    "received_payload_bytes",
    "lost_packets",
    "recovered_packets",
    "dropped_packets",
)
"""Of `headrace.srt.statistics.ReceiverStatistics`."""


class ReceivedTotals:
    """Sums that only grow, whoever goes on the air or comes back there."""

    __slots__ = ("_before", "_on_air", "_settled")

    def __init__(self) -> None:
        self._settled = dict.fromkeys(COUNTED, 0)
        self._before = dict(self._settled)
        self._on_air: Producer | None = None

    def follow(self, producer: Producer | None) -> None:
        """Count what ``producer`` receives from now on, in place of the one before it; None is nobody."""
        self._settled = self.sums()
        self._on_air = producer
        self._before = _counts(producer)

    def sums(self) -> dict[str, int]:
        """Return each of `COUNTED`."""
        now = _counts(self._on_air)
        return {name: self._settled[name] + now[name] - self._before[name] for name in COUNTED}


def _counts(producer: Producer | None) -> dict[str, int]:
    if producer is None:
        return dict.fromkeys(COUNTED, 0)
    statistics = producer.connection.receiver.statistics
    return {name: getattr(statistics, name) for name in COUNTED}
