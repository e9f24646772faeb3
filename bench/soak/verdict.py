"""Whether the end of a soak is like its fifth minute.

Source: the goal, which says within 5 %.
"""

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bench.soak.reading import Reading

GROWTH: Final = 1.05
REFERENCE_SECONDS: Final = 300.0
WINDOW_SECONDS: Final = 60.0
LATENCY_P50_FLOOR_US: Final = 300.0
"""Where half a millisecond is usual, 5 % are 25 us: less than a core that goes to sleep and wakes. A queue that
grows is far above this."""
LATENCY_P99_FLOOR_US: Final = 5_000.0
"""One in a hundred waits whenever something else has the core; it is seen where a burst for some delays others,
which may be a few milliseconds."""
SHORT_SECONDS: Final = 900.0
SHORT_P50_FLOOR_US: Final = 5_000.0
SHORT_P99_FLOOR_US: Final = 100_000.0
"""A soak below a quarter of an hour, as continuous integration runs it, shows that nothing breaks. What grows with
time is the hour's to show; here a queue that does not drain at all is still far above these."""
STARVED_WAITED_SHARE: Final = 0.25
"""Broker and load take half of both cores. With a quarter less for the broker, and the load in the same straits,
packets come too late to be of use and are rightly given up: that says nothing about the broker."""
CALM_WAITED_SHARE: Final = 0.05
"""Two per cent are usual on a core of its own. Where others have it for longer, latency is that of the machine, so
latencies of such readings count only where a window has no others."""
OPEN_FILES_FLOOR: Final = 4
"""A socket for each producer, of which a dead one and its successor can be there at a time."""


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the soak.

    Attributes:
        start_seconds: Since the start; a reading at this time is not in it.
        end_seconds: Since the start; a reading at this time is.
    """

    start_seconds: float
    end_seconds: float

    def __contains__(self, at_seconds: float) -> bool:
        return self.start_seconds < at_seconds <= self.end_seconds


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was to stay as it was.

    Attributes:
        name: What.
        reference: Median around the fifth minute; None when nothing was measured.
        end: Median of the end.
        limit: What the end may be at most.
    """

    name: str
    reference: float | None
    end: float | None
    limit: float | None

    @property
    def is_met(self) -> bool:
        """Whether it did."""
        return self.end is not None and self.limit is not None and self.end <= self.limit


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the soak showed.

    Attributes:
        reference: Around the fifth minute, or the first third of a short soak.
        end: At the end.
        checks: The end against the reference.
        faults: What must not happen, and how often it did.
        excused_faults: The same, all of it while something else had the cores.
        complaints: Warnings and errors in the broker's log.
        is_disturbed: Something else had the broker's core for long through one of the windows.
    """

    reference: Window
    end: Window
    checks: list[Check]
    faults: dict[str, int]
    excused_faults: dict[str, int]
    complaints: list[str]
    is_disturbed: bool

    @property
    def is_passed(self) -> bool:
        """Whether nothing grew and nothing went wrong."""
        return all(check.is_met for check in self.checks) and not self.faults and not self.complaints


def comparison_windows(total_seconds: float) -> tuple[Window, Window]:
    """Return the minute around the fifth one and the last; of a soak below 15 minutes, thirds are compared."""
    third = total_seconds / 3
    middle, half = min(REFERENCE_SECONDS, third), min(WINDOW_SECONDS, third) / 2
    return Window(middle - half, middle + half), Window(total_seconds - 2 * half, total_seconds)


def median_in(window: Window, at_seconds: Sequence[float], values: Sequence[float | None]) -> float | None:
    """Return the median of those values that are in the window, or None if there are none."""
    inside = [value for at, value in zip(at_seconds, values, strict=True) if value is not None and at in window]
    return statistics.median(inside) if inside else None


def judge(readings: Sequence[Reading], faults: Counter[str], complaints: list[str]) -> Verdict:
    """Compare the end with the reference.

    Args:
        readings: All, in order; not empty.
        faults: As the load counted them.
        complaints: As the broker's log has them.
    """
    windows = comparison_windows(readings[-1].at_seconds)
    is_short = readings[-1].at_seconds < SHORT_SECONDS
    at_seconds = [reading.at_seconds for reading in readings]

    def check(name: str, values: Sequence[float | None], floor: float) -> Check:
        before, after = (median_in(window, at_seconds, values) for window in windows)
        return Check(name, before, after, None if before is None else max(GROWTH * before, before + floor))

    is_counted = [_counts_for_latency(reading, readings, windows) for reading in readings]
    p50s_us = [it.latency_p50_us if counts else None for it, counts in zip(readings, is_counted, strict=True)]
    p99s_us = [it.latency_p99_us if counts else None for it, counts in zip(readings, is_counted, strict=True)]
    checks = [
        check("resident bytes", [reading.rss_bytes for reading in readings], 0),
        check("latency p50, us", p50s_us, SHORT_P50_FLOOR_US if is_short else LATENCY_P50_FLOOR_US),
        check("latency p99, us", p99s_us, SHORT_P99_FLOOR_US if is_short else LATENCY_P99_FLOOR_US),
        check("open files", [reading.open_files for reading in readings], OPEN_FILES_FLOOR),
    ]
    is_disturbed = not all(_has_calm(window, readings) for window in windows)
    happened: dict[str, int] = dict(+faults)
    excused = happened if faults.total() <= _faults_while_starved(readings) else {}
    return Verdict(*windows, checks, {} if excused else happened, excused, complaints, is_disturbed)


def _faults_while_starved(readings: Sequence[Reading]) -> int:
    """Return how many faults came in readings that were starved, and in those right after them."""
    count, seen, was_starved = 0, 0, False
    for reading in readings:
        is_starved = reading.waited_share > STARVED_WAITED_SHARE
        if is_starved or was_starved:
            count += reading.faults - seen
        seen, was_starved = reading.faults, is_starved
    return count


def _has_calm(window: Window, readings: Sequence[Reading]) -> bool:
    return any(reading.at_seconds in window and _is_calm(reading) for reading in readings)


def _is_calm(reading: Reading) -> bool:
    return reading.waited_share <= CALM_WAITED_SHARE


def _counts_for_latency(reading: Reading, readings: Sequence[Reading], windows: Sequence[Window]) -> bool:
    """Return whether a reading is calm, or in a window where none is."""
    around = [window for window in windows if reading.at_seconds in window]
    return _is_calm(reading) or not any(_has_calm(window, readings) for window in around)
