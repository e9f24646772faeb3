"""Scenario ``fanout``: what a channel costs with ever more subscribers, beside relays that speak no SRT.

Broker and relays get the same packets, in turns, each alone on one core; producer and subscribers have another.
Receivers are without UDP_GRO, so each datagram is taken apart. The relays' receivers acknowledge nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

from headrace.bench.load import Window, measure_window, notes_about, too_many
from headrace.bench.loopback_port import LoadError
from headrace.bench.results import Baseline, Figure, Goal, Series
from headrace.bench.rivals import BROKER, C_LOOP, compiled_loop, measure_in_turns, rivals
from headrace.bench.scenario import Finding, Plan, Progress, Scenario
from headrace.bench.srt_load import SrtLoad
from headrace.bench.stage import Stage, free_port, stage
from headrace.bench.stream import Stream, StreamShape, make_stream

COUNTS: Final = (10, 100, 300, 1000, 1500)
QUICK_COUNTS: Final = (10, 100)
LADDER: Final = (2000, 2500, 3000, 3500, 4000)
"""Subscribers that are tried after that, until somebody loses a packet or there is no headroom."""
WINDOW_SECONDS: Final = 3.0
QUICK_WINDOW_SECONDS: Final = 0.5
MOST_GOAL: Final = 1500
CORES_GOAL: Final = 0.035
SHAPE: Final = StreamShape()

_PLOT: Final = "A channel of 2.5 Mbit/s with many subscribers"


class Fanout(NamedTuple):
    """What was seen with one number of subscribers.

    Attributes:
        subscribers: How many.
        windows: By name of the program: a window of each run.
    """

    subscribers: int
    windows: Mapping[str, Sequence[Window]]

    def cores(self, name: str) -> tuple[float, ...]:
        """Return what a program took, of each run."""
        return tuple(window.cores for window in self.windows[name])


def measure_one(on: Stage, stream: Stream, subscribers: int, c_loop: Path | None, plan: Plan) -> Fanout:
    """Measure one number of subscribers, all programs in turns."""
    seconds = QUICK_WINDOW_SECONDS if plan.is_quick else WINDOW_SECONDS
    with rivals(on, stream, subscribers, c_loop) as found:
        windows: dict[str, list[Window]] = {name: [] for name in found}
        for _ in range(plan.runs):
            for name in found:
                windows[name].append(measure_in_turns(found, name, seconds))
    return Fanout(subscribers, windows)


def measure_fanout(plan: Plan, progress: Progress) -> Finding:
    """Measure all numbers of subscribers, then look for the most that lose nothing."""
    stream = make_stream(SHAPE)
    with stage() as on, compiled_loop() as (c_loop, notes):
        found = []
        for subscribers in QUICK_COUNTS if plan.is_quick else COUNTS:
            progress(f"{subscribers} subscribers")
            found.append(measure_one(on, stream, subscribers, c_loop, plan))
        figures = [figure for one in found for figure in figures_of(one)]
        if not plan.is_quick:
            figures += linearity(found)
            figures.append(_most(on, stream, found, progress))
    return Finding(tuple(figures), tuple(series_of(found)), notes)


def figures_of(fanout: Fanout) -> list[Figure]:
    """Return the rows of one number of subscribers."""
    own = fanout.windows[BROKER]
    figures = []
    for name in fanout.windows:
        if name != BROKER:
            baseline = Baseline(name, fanout.cores(name))
            notes = notes_about([*own, *fanout.windows[name]])
            label = f"cores for {fanout.subscribers} subscribers"
            figures.append(Figure(label, "cores", fanout.cores(BROKER), baseline, _goal(fanout, name), notes))
    label = f"packets lost by {fanout.subscribers} subscribers"
    lost = tuple(float(window.counts.missing_packets) for window in own)
    return [*figures, Figure(label, "packets", lost, goal=Goal(0), notes=notes_about(own) if any(lost) else ())]


def _goal(fanout: Fanout, baseline: str) -> Goal | None:
    if baseline == C_LOOP:
        limits = {10: 1.0, 100: 0.65}
        return Goal(limits[fanout.subscribers], of_ratio=True) if fanout.subscribers in limits else None
    return Goal(CORES_GOAL) if fanout.subscribers == 100 else None


def linearity(found: Sequence[Fanout]) -> list[Figure]:
    """Compare what each packet to each subscriber costs at the most subscribers and at fewer."""
    per_packet_us = {
        one.subscribers: tuple(
            1e6 * cores / one.subscribers / SHAPE.packets_per_second for cores in one.cores(BROKER)
        )
        for one in found
    }
    most, fewer = max(per_packet_us), COUNTS[2]
    baseline = Baseline(f"{fewer} subscribers", per_packet_us[fewer])
    label = f"time of a packet to one of {most} subscribers"
    return [Figure(label, "us", per_packet_us[most], baseline, Goal(1.1, of_ratio=True))]


def _most(on: Stage, stream: Stream, found: Sequence[Fanout], progress: Progress) -> Figure:
    """Add subscribers until somebody loses a packet, or there is no headroom."""
    whole = [one.subscribers for one in found if not any(w.counts.missing_packets for w in one.windows[BROKER])]
    most, limit = max(whole, default=0), ""
    for subscribers in LADDER if most == COUNTS[-1] else ():
        progress(f"{subscribers} subscribers")
        limit = _try_many(on, stream, subscribers)
        if limit:
            break
        most = subscribers
    label = "most subscribers without a lost packet"
    return Figure(label, "", (float(most),), None, Goal(MOST_GOAL, at_least=True), (limit,) if limit else ())


def _try_many(on: Stage, stream: Stream, subscribers: int) -> str:
    """Return why so many are too many, or nothing."""
    port = free_port()
    try:
        with on.broker(port) as broker, closing(SrtLoad(port, stream, subscribers=[subscribers])) as load:
            window = measure_window(broker, load, (), seconds=WINDOW_SECONDS)
    except LoadError as error:
        return f"{subscribers} were too many: {error}"
    return too_many(subscribers, window)


def series_of(found: Sequence[Fanout]) -> Iterator[Series]:
    """Yield the line of each program."""
    for name in found[0].windows:
        x = tuple(float(one.subscribers) for one in found)
        y = tuple(sorted(one.cores(name))[len(one.cores(name)) // 2] for one in found)
        yield Series(_PLOT, name, "subscribers", "cores", x, y)


SCENARIO: Final = Scenario(
    name="fanout",
    title="cores for one channel of 2.5 Mbit/s with 10 to 1,500 subscribers",
    fixed_seconds=60,
    seconds_a_run=5 * 3 * (WINDOW_SECONDS + 0.8),
    measure=measure_fanout,
)
