"""Scenario ``bitrates``: a channel of up to 50 Mbit/s, and what a channel's big keyframes do to another one."""

from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Final

import numpy as np

from headrace.bench.delays import Delays
from headrace.bench.load import Window, measure_window, notes_about, run_loads
from headrace.bench.results import Baseline, Figure, Goal, Series
from headrace.bench.rivals import BROKER, C_LOOP, compiled_loop, measure_in_turns, rivals
from headrace.bench.scenario import Finding, Plan, Progress, Scenario
from headrace.bench.srt_load import SrtLoad
from headrace.bench.stage import Stage, free_port, stage
from headrace.bench.stream import StreamShape, make_stream

SUBSCRIBERS: Final = 100
QUICK_SUBSCRIBERS: Final = 10
FRAME_PACKETS: Final = (8, 32, 79, 158)
QUICK_FRAME_PACKETS: Final = (8, 32)
WINDOW_SECONDS: Final = 3.0
QUICK_WINDOW_SECONDS: Final = 0.5

KEYFRAME_PACKETS: Final = 300
KEYFRAME_INTERVAL_FRAMES: Final = 15
"""Two a second, so that a window has some."""
NEIGHBOURS: Final = 10
"""Subscribers of the other channel."""
NEIGHBOUR_GOAL_MS: Final = 5.0

_PLOT: Final = f"A channel of more and more Mbit/s with {SUBSCRIBERS} subscribers"


class Rate:
    """What was seen with one bit rate.

    Attributes:
        shape: Of the stream.
        subscribers: How many.
        windows: By name of the program: a window of each run.
    """

    def __init__(self, shape: StreamShape, subscribers: int, names: Sequence[str]) -> None:
        self.shape = shape
        self.subscribers = subscribers
        self.windows: dict[str, list[Window]] = {name: [] for name in names}

    @property
    def megabits(self) -> float:
        """Mbit/s of payload."""
        return self.shape.bits_per_second / 1e6

    def cores(self, name: str) -> tuple[float, ...]:
        """Return what a program took, of each run."""
        return tuple(window.cores for window in self.windows[name])


def measure_rate(on: Stage, shape: StreamShape, c_loop: Path | None, plan: Plan) -> Rate:
    """Measure one bit rate, broker and relays in turns."""
    seconds = QUICK_WINDOW_SECONDS if plan.is_quick else WINDOW_SECONDS
    subscribers = QUICK_SUBSCRIBERS if plan.is_quick else SUBSCRIBERS
    with rivals(on, make_stream(shape), subscribers, c_loop) as found:
        names = [name for name in found if name in {BROKER, C_LOOP}]
        rate = Rate(shape, subscribers, names)
        for _ in range(plan.runs):
            for name in names:
                rate.windows[name].append(measure_in_turns(found, name, seconds))
    return rate


def neighbour_delay_ms(on: Stage, keyframe_packets: int, plan: Plan) -> tuple[float, Window]:
    """Return how long a whole frame takes that follows another channel's keyframe by 2 ms; the median of all."""
    seconds = QUICK_WINDOW_SECONDS if plan.is_quick else WINDOW_SECONDS
    shape, own = StreamShape(8, keyframe_packets, KEYFRAME_INTERVAL_FRAMES), StreamShape()
    port, delays = free_port(), Delays([0] * NEIGHBOURS)
    with ExitStack() as stack:
        broker = stack.enter_context(on.broker(port))
        many = QUICK_SUBSCRIBERS if plan.is_quick else SUBSCRIBERS
        big = stack.enter_context(closing(SrtLoad(port, make_stream(shape), subscribers=[many], name="BIG")))
        load = SrtLoad(port, make_stream(own), subscribers=[NEIGHBOURS], observer=delays, beside=[big])
        stack.enter_context(closing(load))
        big.start()
        run_loads([big, load], 0.002)
        window = measure_window(broker, load, [big], seconds=seconds)
        big.pause()
    _, indices, delays_us = delays.take()
    frames = indices // own.frame_packets
    after_keyframe = frames % KEYFRAME_INTERVAL_FRAMES == 0
    worst_us = np.zeros(int(frames.max(initial=0)) + 1, np.int64)
    np.maximum.at(worst_us, frames[after_keyframe], delays_us[after_keyframe])
    return float(np.median(worst_us[::KEYFRAME_INTERVAL_FRAMES])) / 1000, window


def measure_bitrates(plan: Plan, progress: Progress) -> Finding:
    """Measure all bit rates, then the neighbour."""
    with stage() as on, compiled_loop() as (c_loop, notes):
        rates = []
        for packets in QUICK_FRAME_PACKETS if plan.is_quick else FRAME_PACKETS:
            shape = StreamShape(packets, packets)
            progress(f"{shape.bits_per_second / 1e6:.0f} Mbit/s")
            rates.append(measure_rate(on, shape, c_loop, plan))
        progress(f"a neighbour's keyframes of {KEYFRAME_PACKETS} packets")
        figure = _neighbour(on, plan)
    figures = [one for rate in rates for one in figures_of(rate)]
    return Finding((*figures, figure), tuple(series_of(rates)), notes)


def _neighbour(on: Stage, plan: Plan) -> Figure:
    with_big, without = (
        [neighbour_delay_ms(on, packets, plan) for _ in range(plan.runs)] for packets in (KEYFRAME_PACKETS, 8)
    )
    values, windows = zip(*with_big, strict=True)
    baseline = Baseline("keyframes of 8 packets", tuple(value for value, _ in without))
    label = (
        f"time of a frame beside a channel's keyframe of {KEYFRAME_PACKETS} packets to {SUBSCRIBERS} subscribers"
    )
    return Figure(label, "ms", values, baseline, Goal(NEIGHBOUR_GOAL_MS), notes_about(windows))


def figures_of(rate: Rate) -> list[Figure]:
    """Return the rows of one bit rate."""
    of_what = f"{rate.subscribers} subscribers of {rate.megabits:.0f} Mbit/s"
    own, other = rate.windows[BROKER], rate.windows.get(C_LOOP, [])
    baseline = Baseline(C_LOOP, rate.cores(C_LOOP)) if other else None
    lost = tuple(float(window.counts.missing_packets) for window in own)
    notes = notes_about(own) if any(lost) else ()
    return [
        Figure(f"cores for {of_what}", "cores", rate.cores(BROKER), baseline, notes=notes_about([*own, *other])),
        Figure(f"packets lost by {of_what}", "packets", lost, goal=Goal(0), notes=notes),
    ]


def series_of(rates: Sequence[Rate]) -> list[Series]:
    """Return the lines of all."""
    x = tuple(rate.megabits for rate in rates)
    return [
        Series(_PLOT, name, "Mbit/s", "cores", x, tuple(float(np.median(rate.cores(name))) for rate in rates))
        for name in rates[0].windows
    ]


SCENARIO: Final = Scenario(
    name="bitrates",
    title="up to 50 Mbit/s to 100 subscribers, and big keyframes beside another channel",
    fixed_seconds=20,
    seconds_a_run=len(FRAME_PACKETS) * 2 * (WINDOW_SECONDS + 0.8) + 2 * (WINDOW_SECONDS + 3),
    measure=measure_bitrates,
)
