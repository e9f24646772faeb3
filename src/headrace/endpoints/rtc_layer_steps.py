"""By how many layers a viewer's link bears less than the best: down at once when it loses, up slowly and on trial.

What a browser itself thinks that its link bears (REMB) is not believed: it takes the bursts in which we send for a
narrow link, and told 42 kbit/s of a loopback interface over which 2.4 Mbit/s came.

Source: draft-ietf-rmcat-gcc, 6 (under 2 % lost is free, over 10 % is too much); ``docs/decisions/0024-layers.md``.
"""

from collections.abc import Sequence
from typing import Final

HEAVY_LOSS: Final = 0.25
"""One report of so much is enough."""
LOSS: Final = 0.1
"""Of so much it takes two, one after the other."""
CLEAN_LOSS: Final = 0.02
QUEUE_US: Final = 250_000
"""A round trip that has grown by so much in three reports is a queue: nothing is lost in it, but all is late."""
QUEUE_REPORTS: Final = 3
NAK_WINDOW_US: Final = 500_000
"""Packets that are asked for tell of losses earlier than reports, which come once a second."""
NAK_WEIGHT: Final = 0.5
"""Each is asked for more than once."""
SETTLE_US: Final = 1_200_000
"""So long after a step reports are of what was before it, or of the keyframe; and at first of the backlog."""
TRIAL_SETTLE_US: Final = 700_000
"""After a step up: what is too much is to be seen for no longer than it takes to know of it."""
PATIENCE_US: Final = 8_000_000
"""So long nothing may be lost before the next better layer is tried."""
MAX_PATIENCE_US: Final = 120_000_000
TRIAL_US: Final = 10_000_000
"""A step up that is taken back sooner has failed, and the next one is waited for twice as long."""
ROOM: Final = 0.9
"""A layer fits if it takes no more than this share of what came through."""
_DRIFT_US: Final = 1_000
"""By so much the shortest round trip gets longer with each report: the way may have changed."""


class LayerSteps:
    """What one viewer's link bears.

    Attributes:
        count: How many layers under the best.
    """

    __slots__ = (
        "_base_rtt_us",
        "_changed_us",
        "_clean_us",
        "_nak_begin",
        "_naks",
        "_patience_us",
        "_poor",
        "_queued",
        "_tried_us",
        "count",
    )

    def __init__(self) -> None:
        self.count = 0
        self._patience_us = PATIENCE_US
        self._changed_us: int | None = None
        self._tried_us: int | None = None
        self._base_rtt_us: int | None = None
        self._naks = 0
        self._nak_begin: tuple[int, int] | None = None
        self._forget()

    def _forget(self) -> None:
        """What was before a step says nothing of what is after it."""
        self._poor = self._queued = 0
        self._clean_us: int | None = None
        self._nak_begin = None

    def handle_report(self, lost: float, rtt_us: int | None, rates_bps: Sequence[int], now_us: int) -> None:
        """Take what a receiver report says.

        Args:
            lost: Of the packets since the last one, 0 to 1.
            rtt_us: Round trip, if it is known.
            rates_bps: Of the layers that come, the best first.
            now_us: The time.
        """
        is_queue = self._note_rtt(rtt_us)
        if self._is_settling(now_us):
            return
        if is_queue or lost >= LOSS:
            self._handle_loss(lost, rates_bps, now_us)
        elif lost > CLEAN_LOSS or self._queued:
            self._clean_us = None
        else:
            self._handle_clean(rates_bps, now_us)

    def handle_naks(self, packets: int, sent_packets: int, rates_bps: Sequence[int], now_us: int) -> None:
        """Take how many packets were asked for again.

        Args:
            packets: Of one report.
            sent_packets: Sent to the viewer in all.
            rates_bps: Of the layers that come, the best first.
            now_us: The time.
        """
        self._clean_us = None
        if self._nak_begin is None or now_us - self._nak_begin[0] >= 2 * NAK_WINDOW_US:
            self._nak_begin, self._naks = (now_us, sent_packets), 0
        self._naks += packets
        begin_us, sent_before = self._nak_begin
        if now_us - begin_us < NAK_WINDOW_US or self._is_settling(now_us):
            return
        lost = NAK_WEIGHT * self._naks / max(1, sent_packets - sent_before)
        self._nak_begin = None
        if lost >= LOSS:
            # How much was lost is not known so well that more than the next layer could be passed over.
            self._handle_loss(min(HEAVY_LOSS, lost), rates_bps, now_us)

    def _note_rtt(self, rtt_us: int | None) -> bool:
        """Return whether there is a queue on the way."""
        if rtt_us is None:
            return False
        base_us = rtt_us if self._base_rtt_us is None else min(rtt_us, self._base_rtt_us + _DRIFT_US)
        self._base_rtt_us = base_us
        self._queued = self._queued + 1 if rtt_us - base_us > QUEUE_US else 0
        return self._queued >= QUEUE_REPORTS

    def _is_settling(self, now_us: int) -> bool:
        if self._changed_us is None:
            self._changed_us = now_us
        is_trial = self._tried_us == self._changed_us
        return now_us - self._changed_us < (TRIAL_SETTLE_US if is_trial else SETTLE_US)

    def _handle_loss(self, lost: float, rates_bps: Sequence[int], now_us: int) -> None:
        self._clean_us = None
        self._poor += 1
        if lost < HEAVY_LOSS and self._poor < 2 and self._queued < QUEUE_REPORTS:
            return
        current = min(self.count, len(rates_bps) - 1)
        if current + 1 >= len(rates_bps):
            return
        came_bps = rates_bps[current] * (1 - lost)
        fitting = (step for step in range(current + 1, len(rates_bps)) if rates_bps[step] <= ROOM * came_bps)
        self._step_to(next(fitting, len(rates_bps) - 1), now_us)
        if self._tried_us is not None and now_us - self._tried_us < TRIAL_US:
            self._patience_us = min(MAX_PATIENCE_US, 2 * self._patience_us)
        self._tried_us = None

    def _handle_clean(self, rates_bps: Sequence[int], now_us: int) -> None:
        self._poor = 0
        if self._tried_us is not None and now_us - self._tried_us >= TRIAL_US:
            self._patience_us, self._tried_us = PATIENCE_US, None
        self._clean_us = now_us if self._clean_us is None else self._clean_us
        if self.count and now_us - self._clean_us >= self._patience_us:
            self._step_to(min(self.count, len(rates_bps)) - 1, now_us)
            self._tried_us = now_us

    def _step_to(self, count: int, now_us: int) -> None:
        self.count, self._changed_us = max(0, count), now_us
        self._forget()
