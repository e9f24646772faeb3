"""Scenario ``memory``: what a broker holds at rest, for a subscriber, for a channel, and after a while.

Resident memory of the broker's process. Two numbers of subscribers, or of anything, are two brokers that have done
the same for as long, so that the difference is theirs alone.
"""

from contextlib import closing
from typing import Final

from headrace.bench.load import run_loads
from headrace.bench.results import Baseline, Figure, Goal
from headrace.bench.scenario import Finding, Plan, Progress, Scenario
from headrace.bench.srt_load import SrtLoad
from headrace.bench.stage import Stage, free_port, stage
from headrace.bench.stream import Stream, StreamShape, make_stream

REST_GOAL_MB: Final = 60.0
SUBSCRIBER_GOAL_KB: Final = 2.0
GROWTH_GOAL: Final = 1.02
FEW: Final = 100
MANY: Final = 2000
QUICK_MANY: Final = 300
BACKLOG_SECONDS: Final = 2
FULL_SECONDS: Final = 7.0
"""Until the ring of a channel has the size that it keeps: 4 s, and the time in which it grows."""
QUICK_FULL_SECONDS: Final = 1.0
EARLY_SECONDS: Final = 20.0
LATE_SECONDS: Final = 60.0
THIN: Final = StreamShape(frame_packets=1, keyframe_packets=2)
"""What a subscriber takes does not depend on the rate; what the load takes does."""
FAT: Final = StreamShape(frame_packets=32, keyframe_packets=32)
"""10 Mbit/s."""


def resident_mb(on: Stage, stream: Stream, subscribers: int, *times_seconds: float) -> list[float]:
    """Return the resident memory of a new broker after it has forwarded a channel for some times, in MB.

    Args:
        on: Where.
        stream: What the producer sends.
        subscribers: How many.
        times_seconds: Since the stream began, in rising order.
    """
    port, readings, elapsed_seconds = free_port(), [], 0.0
    with (
        on.broker(port, "--backlog", str(BACKLOG_SECONDS)) as broker,
        closing(SrtLoad(port, stream, subscribers=[subscribers])) as load,
    ):
        load.start()
        for seconds in times_seconds:
            run_loads([load], seconds - elapsed_seconds)
            elapsed_seconds = seconds
            readings.append(broker.rss_bytes / 1e6)
    return readings


def _resting_mb(on: Stage) -> float:
    """Return the memory of a broker that a producer has found and left, so that it is up."""
    port = free_port()
    with on.broker(port) as broker:
        SrtLoad(port, make_stream(StreamShape(1, 1)), subscribers=[0]).close()
        run_loads([], 0.5)
        return broker.rss_bytes / 1e6


def measure_memory(plan: Plan, progress: Progress) -> Finding:
    """Measure everything that a broker holds."""
    with stage() as on:
        progress("at rest")
        rest = tuple(_resting_mb(on) for _ in range(plan.runs))
        label = "memory of a broker at rest"
        figures = [Figure(label, "MB", rest, goal=Goal(REST_GOAL_MB))]
        figures += [measure(on, plan, progress) for measure in (_subscriber, _channel, _growth)]
    return Finding(tuple(figures))


def _subscriber(on: Stage, plan: Plan, progress: Progress) -> Figure:
    many, seconds = (QUICK_MANY, QUICK_FULL_SECONDS) if plan.is_quick else (MANY, FULL_SECONDS)
    progress(f"{FEW} and {many} subscribers")
    stream = make_stream(THIN)
    values = []
    for _ in range(plan.runs):
        (few_mb,), (many_mb,) = (resident_mb(on, stream, count, seconds) for count in (FEW, many))
        values.append(1000 * (many_mb - few_mb) / (many - FEW))
    label = f"memory of a subscriber, from {FEW} to {many}"
    return Figure(label, "KB", tuple(values), goal=Goal(SUBSCRIBER_GOAL_KB))


def _channel(on: Stage, plan: Plan, progress: Progress) -> Figure:
    progress("a channel of 10 Mbit/s with 1 and 100 subscribers")
    stream = make_stream(FAT)
    seconds = QUICK_FULL_SECONDS if plan.is_quick else FULL_SECONDS
    pairs = [[resident_mb(on, stream, count, seconds)[0] for count in (FEW, 1)] for _ in range(plan.runs)]
    of_many, of_one = zip(*pairs, strict=True)
    label = f"memory of a broker with a channel of 10 Mbit/s and {FEW} subscribers"
    return Figure(label, "MB", of_many, Baseline("1 subscriber", of_one), Goal(1.05, of_ratio=True))


def _growth(on: Stage, plan: Plan, progress: Progress) -> Figure:
    times = (QUICK_FULL_SECONDS, 2 * QUICK_FULL_SECONDS) if plan.is_quick else (EARLY_SECONDS, LATE_SECONDS)
    progress(f"{FEW} subscribers for {times[1]:.0f} s")
    early, late = resident_mb(on, make_stream(StreamShape()), FEW, *times)
    label = f"memory of a broker with {FEW} subscribers after {times[1]:.0f} s"
    baseline = Baseline(f"after {times[0]:.0f} s", (early,))
    return Figure(label, "MB", (late,), baseline, Goal(GROWTH_GOAL, of_ratio=True))


SCENARIO: Final = Scenario(
    name="memory",
    title="memory at rest, for a subscriber, for a channel, and after a minute",
    fixed_seconds=65,
    seconds_a_run=2 + 4 * (FULL_SECONDS + 2),
    measure=measure_memory,
)
