"""Scenario ``latency``: what the broker adds to the way of a packet, beside relays that speak no SRT.

A second broker lets no packet wait for others (``--no-coalescing``): what is between the two is what that costs.

All programs get the same packets, in turns, each alone on one core. Each packet counts at each subscriber, the
last of a burst like the first: with many subscribers most of the time is the burst's own.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from headrace.base.datagram_batch import I64Array
from headrace.bench.delays import Delays
from headrace.bench.load import WARM_UP_SECONDS, Window, notes_about
from headrace.bench.loopback_port import LoadError
from headrace.bench.results import Baseline, Figure, Goal, Series
from headrace.bench.rivals import BROKER, compiled_loop, measure_in_turns, rivals
from headrace.bench.scenario import Finding, Plan, Progress, Scenario
from headrace.bench.stage import Stage, stage
from headrace.bench.stream import Stream, StreamShape, make_stream

SHAPE: Final = StreamShape()
COUNTS: Final = (10, 100, 1000)
QUICK_COUNTS: Final = (10,)
WINDOW_SECONDS: Final = 4.0
QUICK_WINDOW_SECONDS: Final = 0.5
PERCENTILES: Final = (50, 99)
GOALS_MS: Final = {(100, 50): 1.0, (100, 99): 5.0, (1000, 99): 15.0}
PLOTTED_COUNT: Final = 100
PLOTTED_PERCENTILES: Final = (1, 5, 10, 25, 50, 75, 90, 95, 99, 99.9)


class Latencies:
    """What one program's packets took.

    Attributes:
        windows: Of each run.
        delays_us: Of each run's packets at all subscribers.
    """

    def __init__(self) -> None:
        self.windows: list[Window] = []
        self.delays_us: list[I64Array] = []

    def add(self, window: Window, delays_us: I64Array) -> None:
        """Take what one run has measured.

        Raises:
            LoadError: Nothing came.
        """
        if not len(delays_us):
            raise LoadError("nothing came while it was measured: leave the machine alone meanwhile")
        self.windows.append(window)
        self.delays_us.append(delays_us)

    def percentile_ms(self, percent: float) -> tuple[float, ...]:
        """Return a percentile of each run."""
        return tuple(float(np.percentile(delays_us, percent)) / 1000 for delays_us in self.delays_us)


def measure_one(
    on: Stage, stream: Stream, subscribers: int, c_loop: Path | None, plan: Plan
) -> dict[str, Latencies]:
    """Measure one number of subscribers, all programs in turns."""
    seconds = QUICK_WINDOW_SECONDS if plan.is_quick else WINDOW_SECONDS
    with rivals(on, stream, subscribers, c_loop, with_delays=True) as found:
        latencies = {name: Latencies() for name in found}
        for _ in range(plan.runs):
            for name, rival in found.items():
                rival.delays.take()
                latencies[name].windows.append(measure_in_turns(found, name, seconds))
                warm = _warm(rival.delays)
                if not len(warm):
                    raise LoadError(
                        f"nothing came through {name} with {subscribers} subscribers while it was measured"
                    )
                latencies[name].delays_us.append(warm)
    return latencies


def _warm(delays: Delays) -> I64Array:
    """Return the delays of what was sent after the warm-up."""
    _, indices, delays_us = delays.take()
    first_index = indices.min(initial=1 << 62) + WARM_UP_SECONDS * SHAPE.packets_per_second
    warm: I64Array = delays_us[indices >= first_index]
    return warm


def measure_latency(plan: Plan, progress: Progress) -> Finding:
    """Measure all numbers of subscribers."""
    stream = make_stream(SHAPE)
    figures: list[Figure] = []
    series: list[Series] = []
    with stage() as on, compiled_loop() as (c_loop, notes):
        counts = QUICK_COUNTS if plan.is_quick else COUNTS
        for subscribers in counts:
            progress(f"{subscribers} subscribers")
            latencies = measure_one(on, stream, subscribers, c_loop, plan)
            figures += figures_of(subscribers, latencies)
            if subscribers == PLOTTED_COUNT or len(counts) == 1:
                series = series_of(subscribers, latencies)
    return Finding(tuple(figures), tuple(series), notes)


def figures_of(subscribers: int, latencies: dict[str, Latencies]) -> list[Figure]:
    """Return the rows of one number of subscribers."""
    own = latencies[BROKER]
    figures = []
    for percent in PERCENTILES:
        limit = GOALS_MS.get((subscribers, percent))
        for name, other in latencies.items():
            if name != BROKER:
                baseline = Baseline(name, other.percentile_ms(percent))
                label = f"p{percent} of packets to {subscribers} subscribers"
                notes = notes_about([*own.windows, *other.windows])
                goal = None if limit is None else Goal(limit)
                figures.append(Figure(label, "ms", own.percentile_ms(percent), baseline, goal, notes))
    return figures


def series_of(subscribers: int, latencies: dict[str, Latencies]) -> list[Series]:
    """Return the distribution of each program's."""
    plot = f"Latency added, {subscribers} subscribers"
    lines = []
    for name, one in latencies.items():
        x = [_median(one.percentile_ms(percent)) for percent in PLOTTED_PERCENTILES]
        lines.append(Series(plot, name, "ms", "% of packets", tuple(x), tuple(map(float, PLOTTED_PERCENTILES))))
    return lines


def _median(values: Sequence[float]) -> float:
    return float(np.median(values))


SCENARIO: Final = Scenario(
    name="latency",
    title="latency added with 10, 100 and 1,000 subscribers",
    fixed_seconds=20,
    seconds_a_run=len(COUNTS) * 4 * (WINDOW_SECONDS + 0.8),
    measure=measure_latency,
)
