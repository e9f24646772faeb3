"""Smoothed round-trip time and its variance.

Source: draft-sharabayko-srt, 4.10.
"""

from typing import Final

INITIAL_RTT_US: Final = 100_000
INITIAL_RTT_VARIANCE_US: Final = 50_000


class RoundTrip:
    """Exponentially weighted round trip, in microseconds.

    Attributes:
        rtt_us: Smoothed round trip; 100 ms before the first sample.
        variance_us: Smoothed mean deviation; 50 ms before the first sample.
    """

    __slots__ = ("_has_sample", "rtt_us", "variance_us")

    def __init__(self) -> None:
        self.rtt_us = INITIAL_RTT_US
        self.variance_us = INITIAL_RTT_VARIANCE_US
        self._has_sample = False

    def add_sample(self, sample_us: int) -> None:
        """Take one measured round trip.

        The first replaces the defaults, as libsrt does, or a short path would take 20 samples to be seen.
        """
        if not self._has_sample:
            self._has_sample = True
            self.rtt_us, self.variance_us = sample_us, sample_us // 2
            return
        self.variance_us = (3 * self.variance_us + abs(sample_us - self.rtt_us)) // 4
        self.rtt_us = (7 * self.rtt_us + sample_us) // 8

    def adopt(self, rtt_us: int, variance_us: int) -> None:
        """Take over what the peer has measured and smoothed: a sender that never receives data has no own."""
        self._has_sample = True
        self.rtt_us, self.variance_us = rtt_us, variance_us

    @property
    def nak_interval_us(self) -> int:
        """Time between periodic loss reports: (RTT + 4 RTTVar) / 2, at least 20 ms (4.8.2)."""
        return max((self.rtt_us + 4 * self.variance_us) // 2, 20_000)
