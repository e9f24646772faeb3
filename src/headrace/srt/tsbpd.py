"""Timestamp-based packet delivery: when a packet of the peer's clock is due on ours.

Source: draft-sharabayko-srt, 4.5 (delivery), 4.7 (drift).
"""

from typing import Final

from headrace.base.seqno import TIMESTAMP_MODULUS_US, unwrap_timestamp_us

DRIFT_SPAN_US: Final = 10_000_000
"""The span over which jitter averages out. libsrt counts 1000 samples, the same at an ACK each 10 ms, but where
few are answered, as by this broker, these take minutes, in which a clock of 100 ppm goes 20 ms wrong."""
MIN_DRIFT_SAMPLES: Final = 10
"""Where little is sent the span is longer: fewer samples say more of jitter than of drift."""
MAX_DRIFT_US: Final = 5_000
"""Drift beyond this moves the time base (4.7)."""


class DriftTracer:
    """Averages how far the peer's clock has moved against ours.

    Attributes:
        drift_us: Mean of the samples of the last full span, less what was moved into the time base.
    """

    __slots__ = ("_begin_us", "_count", "_first_rtt_us", "_sum_us", "drift_us")

    def __init__(self) -> None:
        self.drift_us = 0
        self._sum_us = 0
        self._count = 0
        self._first_rtt_us: int | None = None
        self._begin_us = 0

    def add_sample(self, deviation_us: int, rtt_us: int, now_us: int) -> int:
        """Take one deviation of arrival from expectation; return by how much to move the time base now.

        Half of what the round trip has changed since the first sample is path, not clock, and is taken off.
        """
        if self._first_rtt_us is None:
            self._first_rtt_us = rtt_us
        if not self._count:
            self._begin_us = now_us
        self._sum_us += deviation_us - (rtt_us - self._first_rtt_us) // 2
        self._count += 1
        if self._count < MIN_DRIFT_SAMPLES or now_us - self._begin_us < DRIFT_SPAN_US:
            return 0
        self.drift_us = self._sum_us // self._count
        self._sum_us = self._count = 0
        if abs(self.drift_us) <= MAX_DRIFT_US:
            return 0
        excess_us = MAX_DRIFT_US if self.drift_us > 0 else -MAX_DRIFT_US
        self.drift_us -= excess_us
        return excess_us


class DeliveryClock:
    """Turns the peer's 32-bit timestamps into due times on our clock, through wraps and drift.

    Args:
        handshake_timestamp_us: The peer's clock in its conclusion handshake, 32 bits.
        arrival_us: Our time at which that handshake arrived.
        latency_us: Delay between a packet's origin and its delivery.
    """

    __slots__ = ("_base_us", "_drift", "_peer_now_us", "latency_us")

    def __init__(self, handshake_timestamp_us: int, arrival_us: int, latency_us: int) -> None:
        self._base_us = arrival_us - handshake_timestamp_us
        self.latency_us = latency_us
        self._peer_now_us = handshake_timestamp_us
        self._drift = DriftTracer()

    @property
    def drift_us(self) -> int:
        """Estimated drift not yet moved into the time base."""
        return self._drift.drift_us

    def handle_arrival(self, now_us: int) -> None:
        """Note that time has passed: timestamps read from here on are those within 35 minutes of ``now_us``.

        Our own clock says how often the peer's has wrapped, so that neither a long pause nor an absurd
        timestamp can lead astray.
        """
        self._peer_now_us = now_us - self._base_us

    def origin_us(self, timestamp_us: int) -> int:
        """Return our time at which the peer stamped ``timestamp_us`` (32 bits)."""
        return self._base_us + self._drift.drift_us + unwrap_timestamp_us(timestamp_us, self._peer_now_us)

    def origins_us(self, timestamps_us: list[int]) -> list[int]:
        """Return `origin_us` of each of ``timestamps_us``."""
        # What a burst has of them takes NumPy three times as long.
        earliest_us = self._peer_now_us - TIMESTAMP_MODULUS_US // 2
        shift_us = earliest_us + self._base_us + self._drift.drift_us
        return [(stamp_us - earliest_us & TIMESTAMP_MODULUS_US - 1) + shift_us for stamp_us in timestamps_us]

    def due_us(self, timestamp_us: int) -> int:
        """Return our time at which a packet stamped ``timestamp_us`` is to be delivered."""
        return self.origin_us(timestamp_us) + self.latency_us

    def handle_ackack(self, timestamp_us: int, rtt_us: int, now_us: int) -> None:
        """Take the peer's clock reading in an ACKACK as a drift sample."""
        self.handle_arrival(now_us)
        expected_us = self._base_us + unwrap_timestamp_us(timestamp_us, self._peer_now_us)
        self._base_us += self._drift.add_sample(now_us - expected_us, rtt_us, now_us)
