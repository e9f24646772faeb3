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

    Attributes:
        newest: The last `MAX_EVENTS` events, oldest first.
    """

    __slots__ = ("_number", "_unix_time_us", "newest")

    def __init__(self, unix_time_us: Callable[[], int] = unix_time_us) -> None:
        self.newest: deque[Event] = deque(maxlen=MAX_EVENTS)
        self._unix_time_us = unix_time_us
        self._number = 0

    def note(self, what: str, *, is_kept: bool = True, **facts: Fact) -> None:
        """Log something, and remember it.

        Args:
            what: In the past tense, the same words each time.
            is_kept: Whether it is remembered: not what thousands do every day.
            facts: Whom it happened to, and why.
        """
        _log.info(what, **facts)
        if is_kept:
            self._number += 1
            self.newest.append(Event(self._number, self._unix_time_us(), what, facts))
