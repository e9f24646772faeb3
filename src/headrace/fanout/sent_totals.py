"""How much was sent in all, to those who are gone too.

Source: Prometheus, "metric types": a counter that falls is taken for one that has begun anew.
"""

from dataclasses import dataclass


@dataclass(slots=True)
class SentTotals:
    """Sums that only grow. One thread adds to them; any may look, and then two of them may be of two moments.

    Attributes:
        sent_packets: Without those sent again.
        sent_payload_bytes: Of these.
        resent_packets: Sent again.
    """

    sent_packets: int = 0
    sent_payload_bytes: int = 0
    resent_packets: int = 0

    def add(self, *, sent_packets: int = 0, sent_payload_bytes: int = 0, resent_packets: int = 0) -> None:
        """Count more."""
        self.sent_packets += sent_packets
        self.sent_payload_bytes += sent_payload_bytes
        self.resent_packets += resent_packets
