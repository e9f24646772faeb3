"""The answers to conclusions that may be repeated, for as long as the cookies in them are good, and no longer.

Nothing is looked for by age: what was accepted in one minute goes at once, with the first handshake or end of a
connection after its cookies have become stale.
"""

from typing import Final, NamedTuple, TypeAlias

COOKIE_MINUTE_US: Final = 60_000_000
"""A cookie is good in its minute and the next one."""
MAX_ENDED_REMEMBERED: Final = 8_192
"""Connections of a minute that have ended already: 2 MiB. Of more, the oldest are forgotten."""

Caller: TypeAlias = bytes
"""Address, socket id and initial sequence number: what is the same in each repetition of one conclusion."""


class Accepted(NamedTuple):
    """What a caller was answered.

    Attributes:
        body: Of the answer.
        epoch_us: When; its timestamp was 0.
    """

    body: bytes
    epoch_us: int


class _Minute:
    """Who was accepted in one minute: the answers, who has ended since, and the callers by our socket ids."""

    __slots__ = ("accepted", "callers", "ended")

    def __init__(self) -> None:
        self.accepted: dict[Caller, Accepted] = {}
        self.ended: dict[Caller, None] = {}
        self.callers: dict[int, Caller] = {}

    def end(self, socket_id: int) -> bool:
        caller = self.callers.pop(socket_id, None)
        if caller is None:
            return False
        del self.accepted[caller]
        self.ended[caller] = None
        if len(self.ended) > MAX_ENDED_REMEMBERED:
            del self.ended[next(iter(self.ended))]
        return True


class RecentAnswers:
    """Answers of this minute and the one before, which are those whose cookies can still be good."""

    __slots__ = ("_before", "_minute", "_now")

    def __init__(self) -> None:
        self._now = _Minute()
        self._before = _Minute()
        self._minute = 0

    def find(self, caller: Caller, now_us: int) -> Accepted | None:
        """Return what this caller was answered; None for one that is not known, or whose connection has ended."""
        self._turn(now_us)
        return self._now.accepted.get(caller) or self._before.accepted.get(caller)

    def has_ended(self, caller: Caller, now_us: int) -> bool:
        """Return whether this caller was accepted and its connection has ended."""
        self._turn(now_us)
        return caller in self._now.ended or caller in self._before.ended

    def keep(self, socket_id: int, caller: Caller, body: bytes, now_us: int) -> None:
        """Remember the answer to ``caller``, whose connection has our ``socket_id``."""
        self._turn(now_us)
        self._now.accepted[caller] = Accepted(body, now_us)
        self._now.callers[socket_id] = caller

    def end(self, socket_id: int, now_us: int) -> None:
        """Note that a connection has ended; one that is long known, or not at all, is passed over."""
        self._turn(now_us)
        if not self._now.end(socket_id):
            self._before.end(socket_id)

    def _turn(self, now_us: int) -> None:
        minute = now_us // COOKIE_MINUTE_US
        if minute == self._minute:
            return
        self._before = self._now if minute == self._minute + 1 else _Minute()
        self._now, self._minute = _Minute(), minute
