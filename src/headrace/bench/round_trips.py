"""Open acknowledgements and smoothed round trips of many receivers. The scalar twins: `headrace.srt.rtt`.

Source: draft-sharabayko-srt, 4.8.1, 4.10.
"""

from typing import Final

import numpy as np

from headrace.base.datagram_batch import I64Array
from headrace.srt.rtt import INITIAL_RTT_US, INITIAL_RTT_VARIANCE_US

ACK_INTERVAL_US: Final = 10_000
MIN_NAK_INTERVAL_US: Final = 20_000

_OPEN_ACKS: Final = 64
"""Full ACKs of a receiver whose answer may still come: 0.6 s of them."""


class RoundTrips:
    """What each of ``receivers`` knows of its acknowledgements and of the way to its sender.

    Attributes:
        rtt_us: Smoothed; shape ``(receivers,)``.
        variance_us: Shape ``(receivers,)``.
        number: Of the newest full ACK, 0 before the first; shape ``(receivers,)``.
    """

    def __init__(self, receivers: int) -> None:
        self.rtt_us = np.full(receivers, INITIAL_RTT_US, np.int64)
        self.variance_us = np.full(receivers, INITIAL_RTT_VARIANCE_US, np.int64)
        self.number = np.zeros(receivers, np.int64)
        self._has_sample = np.zeros(receivers, np.bool_)
        self._acked_index = np.zeros(receivers, np.int64)
        self._settled_index = np.zeros(receivers, np.int64)
        self._sent_us = np.zeros(receivers, np.int64)
        self._open_sent_us = np.zeros((receivers, _OPEN_ACKS), np.int64)
        self._open_index = np.zeros((receivers, _OPEN_ACKS), np.int64)

    def due(self, rows: I64Array, indices: I64Array, now_us: int) -> I64Array:
        """Return which of ``rows``, whose acknowledgeable positions are ``indices``, owe a full ACK at their tick.

        One that the sender has not answered is repeated after RTT + 4 RTTVar, as libsrt does.
        """
        patience_us = np.maximum(ACK_INTERVAL_US, self.rtt_us[rows] + 4 * self.variance_us[rows])
        is_open = (self._settled_index[rows] < self._acked_index[rows]) & (
            now_us - self._sent_us[rows] >= patience_us
        )
        due: I64Array = rows[(indices > self._acked_index[rows]) | is_open]
        return due

    def open(self, rows: I64Array, indices: I64Array, now_us: int) -> None:
        """Note that a full ACK with the next number goes out; ``rows`` holds none twice."""
        self.number[rows] += 1
        self._acked_index[rows] = indices
        self._sent_us[rows] = now_us
        places = self.number[rows] % _OPEN_ACKS
        self._open_sent_us[rows, places] = now_us
        self._open_index[rows, places] = indices

    def settle(self, rows: I64Array, numbers: I64Array, now_us: int) -> None:
        """Take ACKACKs; of several of one receiver the last counts. What answers no open ACK is passed over."""
        known = (numbers <= self.number[rows]) & (numbers > self.number[rows] - _OPEN_ACKS) & (numbers > 0)
        rows, places = rows[known], numbers[known] % _OPEN_ACKS
        sample_us = now_us - self._open_sent_us[rows, places]
        indices = np.maximum(self._settled_index[rows], self._open_index[rows, places])
        has_sample = self._has_sample[rows]
        rtt_us, variance_us = self.rtt_us[rows], self.variance_us[rows]
        smooth_variance_us = (3 * variance_us + np.abs(sample_us - rtt_us)) // 4
        self.variance_us[rows] = np.where(has_sample, smooth_variance_us, sample_us // 2)
        self.rtt_us[rows] = np.where(has_sample, (7 * rtt_us + sample_us) // 8, sample_us)
        self._has_sample[rows] = True
        self._settled_index[rows] = indices

    def nak_interval_us(self, rows: I64Array) -> I64Array:
        """Return the time between a receiver's loss reports: (RTT + 4 RTTVar) / 2, at least 20 ms (4.8.2)."""
        interval_us: I64Array = np.maximum(
            (self.rtt_us[rows] + 4 * self.variance_us[rows]) // 2, MIN_NAK_INTERVAL_US
        )
        return interval_us
