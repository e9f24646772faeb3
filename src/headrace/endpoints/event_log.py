"""What happened at an endpoint: as log lines, and the newest of it for who asks later.

Source: ``docs/reference/statistics.md``, "events".
"""

from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

import structlog

from headrace.netio.clock import unix_time_us

MAX_EVENTS: Final = 200
"""A producer that comes and goes each second fills three minutes of them; 200 are 40 kB of JSON."""
MAX_STRANGERS: Final = 50
"""Of what anybody can cause who is let in nowhere: one that calls in a loop is not to push out what happened."""

Fact: TypeAlias = str | int

_log = structlog.get_logger()


class Event(NamedTuple):
    """Something that happened.

    Attributes:
        number: 1 for the first of the endpoint, and one more for each: a gap tells that some were missed.
        unix_us: When, microseconds since 1970-01-01 UTC.
        what: Such as ``producer gone``.
        facts: Whom it happened to, and why.
    """

    number: int
    unix_us: int
    what: str
    facts: dict[str, Fact]


class EventLog:
    """Logs what happens, and remembers the newest of it.

    Args:
        unix_time_us: Tells the wall clock's time.

    """

    __slots__ = ("_number", "_of_peers", "_of_strangers", "_unix_time_us")

    def __init__(self, unix_time_us: Callable[[], int] = unix_time_us) -> None:
        self._of_peers: deque[Event] = deque(maxlen=MAX_EVENTS)
        self._of_strangers: deque[Event] = deque(maxlen=MAX_STRANGERS)
        self._unix_time_us = unix_time_us
        self._number = 0

    @property
    def newest(self) -> list[Event]:
        """The last `MAX_EVENTS` events, and the last `MAX_STRANGERS` of strangers, oldest first."""
        return sorted([*self._of_peers, *self._of_strangers])

    def note(self, what: str, *, is_kept: bool = True, of_stranger: bool = False, **facts: Fact) -> None:
        """Log something, and remember it.

        Args:
            what: In the past tense, the same words each time.
            is_kept: Whether it is remembered: not what thousands do every day.
            of_stranger: Anybody can cause it.
            facts: Whom it happened to, and why.
        """
        _log.info(what, **facts)
        if is_kept:
            self._number += 1
            events = self._of_strangers if of_stranger else self._of_peers
            events.append(Event(self._number, self._unix_time_us(), what, facts))
