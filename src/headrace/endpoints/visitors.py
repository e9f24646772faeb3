"""Who was let in by other means than SRT: who watches or produces in a browser.

They count among all connections and among those of their host, and hold what was granted for as long as it holds.

Source: ``docs/decisions/0023-browsers.md``.
"""

from collections import Counter
from collections.abc import Callable
from itertools import count
from typing import Final, TypeAlias

from headrace.access.ask import Verb
from headrace.access.gate import OVERLOAD, Denial
from headrace.endpoints.admissions import Admissions, Admitted
from headrace.hub.crowd import Crowd

VISITOR_ID_BIT: Final = 1 << 32
"""Set in no SRT socket id, which has 32 bits."""

OnEnded: TypeAlias = Callable[[int, str], None]
"""Is told of a visitor that has to go, and why."""


class Visitors:
    """Everybody who is inside without an SRT connection.

    Args:
        admissions: Remembers what each holds.
        crowd: Counts each.
        max_watching: Most that watch one channel.

    Attributes:
        on_ended: Is told who has to go; until it is set nobody is.
        limits_reached: How often somebody was turned away, by the limit.
    """

    __slots__ = (
        "_admissions",
        "_crowd",
        "_ids",
        "_inside",
        "_max_watching",
        "_reasons",
        "_watching",
        "limits_reached",
        "on_ended",
    )

    def __init__(self, admissions: Admissions, crowd: Crowd, max_watching: int) -> None:
        self._admissions = admissions
        self._crowd = crowd
        self._max_watching = max_watching
        self._ids = count(VISITOR_ID_BIT)
        self._inside: dict[int, Admitted] = {}
        self._reasons: dict[int, str] = {}
        self._watching: Counter[str] = Counter()
        self.limits_reached: Counter[str] = Counter()
        self.on_ended: OnEnded = lambda _visitor_id, _reason: None

    def __len__(self) -> int:
        return len(self._inside)

    def watching(self, channel_id: str) -> int:
        """Return how many watch a channel."""
        return self._watching.get(channel_id, 0)

    def enter(self, admitted: Admitted, address: bytes, subscribers: int, now_us: int) -> int | Denial:
        """Let in who was admitted; return its number, or why there is no room.

        Args:
            admitted: What lets it in.
            address: Where it comes from, 28 bytes.
            subscribers: That its channel has besides.
            now_us: The time.
        """
        channel_id = admitted.grant.channel_id
        limit = self._crowd.limit_reached(address)
        is_watching = admitted.grant.verb is Verb.REQUEST
        if is_watching and subscribers + self.watching(channel_id) >= self._max_watching:
            limit = limit or "subscribers_of_channel"
        if limit is not None:
            self.limits_reached[limit] += 1
            return Denial(OVERLOAD, f"too many {limit.replace('_', ' ')}")
        visitor_id = next(self._ids)
        self._inside[visitor_id] = admitted
        self._watching[channel_id] += is_watching
        self._crowd.enter(visitor_id, address)
        self._admissions.enter(visitor_id, admitted, now_us, is_held=True)
        return visitor_id

    def leave(self, visitor_id: int, now_us: int) -> None:
        """Forget one that has gone; one that is not known is passed over."""
        self._reasons.pop(visitor_id, None)
        admitted = self._inside.pop(visitor_id, None)
        if admitted is None:
            return
        channel_id = admitted.grant.channel_id
        self._watching[channel_id] -= admitted.grant.verb is Verb.REQUEST
        if not self._watching[channel_id]:
            del self._watching[channel_id]
        self._crowd.leave(visitor_id)
        self._admissions.leave(visitor_id, now_us)

    def end(self, visitor_id: int, reason: str) -> None:
        """Tell that one has to go."""
        if visitor_id in self._inside:
            self._reasons[visitor_id] = reason
            self.on_ended(visitor_id, reason)

    def remind(self, visitor_id: int) -> None:
        """Tell again that one has to go, if it has been told: there may have been nothing to end then."""
        if visitor_id in self._reasons:
            self.on_ended(visitor_id, self._reasons[visitor_id])
