"""Log lines and counts of subscribers that come, move and go, however many of them do so at once.

Source: measured, a line takes 14 us, or 50 on a terminal, and forgetting its subscriber 25 us.
"""

from collections import Counter
from typing import NamedTuple

import structlog

from headrace.base.sockaddr import format_sockaddr
from headrace.endpoints.event_log import EventLog
from headrace.endpoints.line_window import LineWindow

_log = structlog.get_logger()


class Departure(NamedTuple):
    """A subscriber that is gone.

    Attributes:
        channel_id: What it got.
        address: Where, as people write it.
        reason: Why it went.
        sent_packets: Sent to it for the first time.
        resent_packets: Sent to it again.
    """

    channel_id: str
    address: str
    reason: str
    sent_packets: int
    resent_packets: int


class SubscriberLog:
    """Logs what subscribers do up to a limit in each window, and then how many more there were.

    Anybody can come and go in a loop where a channel is public.

    Args:
        events: Where they are logged; of those whom the broker gave up it keeps what is logged.

    Attributes:
        dropped: How many subscribers the broker has given up, by reason.
    """

    __slots__ = ("_arrivals", "_departures", "_events", "_moves", "dropped")

    def __init__(self, events: EventLog) -> None:
        self._events = events
        self._arrivals, self._moves, self._departures = LineWindow(), LineWindow(), LineWindow()
        self.dropped: Counter[str] = Counter()

    def note_connected(self, channel_id: str, address: bytes, backlog_packets: int, now_us: int) -> None:
        """Log one that has come, and how far back it starts."""
        if self._arrivals.admits(now_us):
            _log.info(
                "subscriber connected",
                channel=channel_id,
                address=format_sockaddr(address),
                start="keyframe" if backlog_packets else "live",
                backlog_packets=backlog_packets,
            )

    def note_moved(self, channel_id: str, address: bytes, old_address: bytes, now_us: int) -> None:
        """Log one that is followed to another port."""
        if self._moves.admits(now_us):
            _log.info(
                "subscriber moved",
                channel=channel_id,
                address=format_sockaddr(address),
                old_address=format_sockaddr(old_address),
            )

    def note_gone(self, departure: Departure, now_us: int, *, is_dropped: bool) -> None:
        """Log one that is gone; ``is_dropped`` where the broker gave it up."""
        if is_dropped:
            self.dropped[departure.reason] += 1
        if self._departures.admits(now_us, departure.reason):
            self._events.note(
                "subscriber gone",
                is_kept=is_dropped,
                channel=departure.channel_id,
                address=departure.address,
                reason=departure.reason,
                sent_packets=departure.sent_packets,
                resent_packets=departure.resent_packets,
            )

    @property
    def has_more_to_tell(self) -> bool:
        """Whether `handle_sweep` is to be called again although nobody is there."""
        windows = self._arrivals, self._moves, self._departures
        return any(window.poll_timer() is not None for window in windows)

    def handle_sweep(self, now_us: int) -> None:
        """Say how many were left out of the windows that are over."""
        for what, window in (("connected", self._arrivals), ("moved", self._moves), ("gone", self._departures)):
            left_out = window.poll_left_out(now_us)
            if left_out:
                _log.info(f"more subscribers {what}", left_out=left_out.get("", left_out))
