"""Scenario ``lossy``: a producer far away, with loss on the way, and a thousand subscribers who all notice.

Two brokers take turns: one behind a way without loss, one behind the same way with it. With cut-through, everybody
asks for what the broker itself still waits for. Delay and loss are emulated in the load.
"""

from contextlib import ExitStack, closing
from typing import Final

from headrace.bench.emulated_link import Way
from headrace.bench.load import Window, measure_window, notes_about
from headrace.bench.results import Baseline, Figure, Goal
from headrace.bench.scenario import Finding, Plan, Progress, Scenario
from headrace.bench.srt_load import SrtLoad
from headrace.bench.stage import free_port, stage
from headrace.bench.stream import StreamShape, make_stream

SUBSCRIBERS: Final = 1000
QUICK_SUBSCRIBERS: Final = 20
ROUND_TRIP_MS: Final = 50
LOSS: Final = 0.02
LATENCY_MS: Final = 4 * ROUND_TRIP_MS
"""What SRT's documents recommend for a way with loss."""
WINDOW_SECONDS: Final = 5.0
QUICK_WINDOW_SECONDS: Final = 0.8

_GOAL: Final = Goal(1.25, of_ratio=True)


def measure_lossy_producer(plan: Plan, progress: Progress) -> Finding:
    """Measure with loss and without, in turns."""
    subscribers = QUICK_SUBSCRIBERS if plan.is_quick else SUBSCRIBERS
    seconds = QUICK_WINDOW_SECONDS if plan.is_quick else WINDOW_SECONDS
    stream = make_stream(StreamShape())
    windows: tuple[list[Window], list[Window]] = ([], [])
    with stage() as on, ExitStack() as stack:
        loads: list[SrtLoad] = []
        brokers = []
        for loss in 0.0, LOSS:
            progress(f"{subscribers} subscribers connect, {100 * loss:.0f} % loss")
            port, way = free_port(), Way(delay_us=500 * ROUND_TRIP_MS, loss=loss)
            brokers.append(stack.enter_context(on.broker(port, "--latency", str(LATENCY_MS))))
            load = SrtLoad(
                port, stream, subscribers=[subscribers], latency_ms=LATENCY_MS, way=way, beside=list(loads)
            )
            loads.append(stack.enter_context(closing(load)))
        progress(f"{plan.runs} windows of {seconds} s each")
        for _ in range(plan.runs):
            for broker, load, idle, into in zip(brokers, loads, reversed(loads), windows, strict=True):
                into.append(measure_window(broker, load, [idle], seconds=seconds, settle_seconds=1.0))
    return Finding(figures_of(subscribers, *windows))


def figures_of(subscribers: int, whole: list[Window], lossy: list[Window]) -> tuple[Figure, ...]:
    """Return the rows of windows without and with loss."""
    notes = notes_about([*whole, *lossy])
    cores = tuple(window.cores for window in lossy)
    baseline = Baseline("without loss", tuple(window.cores for window in whole))
    where = f"with {100 * LOSS:.0f} % loss at {ROUND_TRIP_MS} ms"
    figures = [Figure(f"cores for {subscribers} subscribers {where}", "cores", cores, baseline, _GOAL, notes)]
    for name, said, goal in (
        ("duplicate_packets", "packets that a subscriber got twice, of all subscribers", Goal(0)),
        ("missing_packets", "packets that subscribers did not get in time, of all", None),
        ("recovered_packets", "packets that subscribers got late, of all", None),
    ):
        counts = (tuple(float(getattr(one.counts, name)) for one in windows) for windows in (lossy, whole))
        values, without = counts
        figures.append(
            Figure(f"{said}, {where}", "packets", values, Baseline("without loss", without), goal, notes)
        )
    return tuple(figures)


SCENARIO: Final = Scenario(
    name="lossy",
    title="a producer with 2 % loss at 50 ms round trip, 1,000 subscribers",
    fixed_seconds=15,
    seconds_a_run=2 * (WINDOW_SECONDS + 1.5),
    measure=measure_lossy_producer,
)
