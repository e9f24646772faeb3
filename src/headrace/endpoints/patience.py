"""How long what subscribers send may wait: acknowledgements for tens of milliseconds, loss reports not.

Both come through one socket, and nothing tells them apart before they are read. So while nobody reports a loss,
what comes gathers for a small part of the latency, and is read with a producer's frame if one comes then, which is
a turn of the loop anyway. The first report of a quiet time waits for longer, those that follow it do not. Who has
just called waits for a picture, and the next of its datagrams for hardly anything.

Source: ``docs/decisions/0022-fewer-turns.md``.
"""

from typing import Final

from headrace.base.token_bucket import TokenBucket

MOST_PATIENCE_US: Final = 20_000
"""Two of a receiver's ACK intervals. It stands in the round trip that receivers measure, too."""
LATENCY_SHARE: Final = 6
"""So much of its latency a subscriber's first loss report waits at most. The rest is the network's: at 120 ms what
was lost still comes in time where the round trip is 100 ms."""
ALERT_US: Final = 2_000_000
"""So long after a loss report others are likely."""
ALERT_WAIT_US: Final = 5_000
"""Half a receiver's ACK interval is the most that they wait, and what lets somebody catch up."""
HASTE_US: Final = 100_000
"""So long after a handshake packet the next ones of its sender are likely: the conclusion, and acknowledgements
that let more of its backlog follow. Where the network takes longer, the usual waiting is little beside it."""
HASTY_WAIT_US: Final = 1_000
"""What comes in haste waits so long, for others of a thousand who call at once."""
STRANGERS_PER_SECOND: Final = 2
"""Senders whose address may be forged make haste no more often: a fifth of the time."""


class Patience:
    """Follows what makes waiting harmful.

    Attributes:
        latency_us: The least that a subscriber has; None while there is nobody.
    """

    __slots__ = ("_alert_until_us", "_hasty_until_us", "_strangers", "latency_us")

    def __init__(self) -> None:
        self.latency_us: int | None = None
        self._alert_until_us = self._hasty_until_us = 0
        self._strangers = TokenBucket(STRANGERS_PER_SECOND, STRANGERS_PER_SECOND)

    def include(self, latency_us: int) -> None:
        """Note a new subscriber's latency."""
        self.latency_us = latency_us if self.latency_us is None else min(self.latency_us, latency_us)

    def note_urgent(self, now_us: int) -> None:
        """Note that something has come that waits for an answer."""
        self._alert_until_us = now_us + ALERT_US

    def note_stranger(self, now_us: int) -> None:
        """Note a handshake packet from an address that may be forged."""
        if self._strangers.afford(1, now_us):
            self.note_caller(now_us)

    def note_caller(self, now_us: int) -> None:
        """Note a handshake packet from an address that is no forged one."""
        self._hasty_until_us = now_us + HASTE_US

    def wait_us(self, now_us: int, *, is_catching_up: bool = False) -> int | None:
        """Return how long what comes may wait from now on; None while nobody subscribes.

        Args:
            now_us: The time.
            is_catching_up: Whether somebody waits for more of a backlog.
        """
        if now_us < self._hasty_until_us:
            return HASTY_WAIT_US
        if self.latency_us is None:
            return None
        share_us = max(HASTY_WAIT_US, min(MOST_PATIENCE_US, self.latency_us // LATENCY_SHARE))
        is_urgent = is_catching_up or now_us < self._alert_until_us
        return min(share_us, ALERT_WAIT_US) if is_urgent else share_us
