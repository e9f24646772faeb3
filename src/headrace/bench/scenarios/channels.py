"""Scenario ``channels``: many producers at once, with one subscriber each, and what only receiving costs.

Their frames are spread evenly over a frame's time. Beside the broker, a C loop receives as many packets at the
same moments and sends each on once, without SRT.
"""

from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Final, NamedTuple

from headrace.bench.c_programs import relay_command
from headrace.bench.load import Window, measure_window, notes_about
from headrace.bench.measured_process import MeasuredProcess
from headrace.bench.plain_load import PlainLoad
from headrace.bench.results import Baseline, Figure, Goal, Series
from headrace.bench.rivals import C_LOOP, compiled_loop
from headrace.bench.scenario import Finding, Plan, Progress, Scenario
from headrace.bench.srt_load import SrtLoad
from headrace.bench.stage import Stage, free_port, stage
from headrace.bench.stream import Stream, StreamShape, make_stream

COUNTS: Final = (1, 50, 100, 150)
QUICK_COUNTS: Final = (1, 10)
RECEIVING: Final = 50
"""Producers, for what only receiving costs."""
QUICK_RECEIVING: Final = 10
WINDOW_SECONDS: Final = 3.0
QUICK_WINDOW_SECONDS: Final = 0.5
CORES_GOAL: Final = 0.8
RECEIVING_GOAL_US: Final = 6.0
SHAPE: Final = StreamShape()

_INCLUDED: Final = (
    "all that the broker does for it: reading it, order and losses, its place in the ring, the search for "
    "keyframes, the acknowledgements that its producer gets"
)


class Channels(NamedTuple):
    """What was seen with one number of channels.

    Attributes:
        channels: How many.
        broker: A window of each run.
        relay: The same of the C loop; empty without a compiler.
    """

    channels: int
    broker: Sequence[Window]
    relay: Sequence[Window]


def measure_one(on: Stage, stream: Stream, channels: int, c_loop: Path | None, plan: Plan) -> Channels:
    """Measure one number of channels with one subscriber each, broker and C loop in turns."""
    port, relay_port = free_port(), free_port()
    windows: list[Window] = []
    relay_windows: list[Window] = []
    with ExitStack() as stack:
        broker = stack.enter_context(on.broker(port))
        load = stack.enter_context(closing(SrtLoad(port, stream, subscribers=[1] * channels)))
        plain = stack.enter_context(closing(PlainLoad(relay_port, stream, subscribers=1, producers=channels)))
        relay = None
        if c_loop is not None:
            command = relay_command(c_loop, relay_port, plain.targets)
            relay = stack.enter_context(MeasuredProcess(command, on.folder / "relay.log", on.core))
        for _ in range(plan.runs):
            windows.append(measure_window(broker, load, (), seconds=_seconds(plan)))
            if relay is not None:
                relay_windows.append(measure_window(relay, plain, [load], seconds=_seconds(plan)))
    return Channels(channels, windows, relay_windows)


def measure_receiving(on: Stage, stream: Stream, producers: int, plan: Plan) -> Figure:
    """Measure producers whose channels nobody wants."""
    port = free_port()
    with on.broker(port) as broker, closing(SrtLoad(port, stream, subscribers=[0] * producers)) as load:
        windows = [measure_window(broker, load, (), seconds=_seconds(plan)) for _ in range(plan.runs)]
    values = tuple(1e6 * window.cores / producers / SHAPE.packets_per_second for window in windows)
    label = f"time of a packet received from one of {producers} producers"
    return Figure(label, "us", values, goal=Goal(RECEIVING_GOAL_US), notes=(_INCLUDED, *notes_about(windows)))


def _seconds(plan: Plan) -> float:
    return QUICK_WINDOW_SECONDS if plan.is_quick else WINDOW_SECONDS


def measure_channels(plan: Plan, progress: Progress) -> Finding:
    """Measure all numbers of channels, then receiving alone."""
    stream = make_stream(SHAPE)
    with stage() as on, compiled_loop() as (c_loop, notes):
        found = []
        for channels in QUICK_COUNTS if plan.is_quick else COUNTS:
            progress(f"{channels} channels")
            found.append(measure_one(on, stream, channels, c_loop, plan))
        receiving = QUICK_RECEIVING if plan.is_quick else RECEIVING
        progress(f"{receiving} producers without subscribers")
        figure = measure_receiving(on, stream, receiving, plan)
    figures = [one for channels in found for one in figures_of(channels)]
    return Finding((*figures, figure), tuple(series_of(found)), notes)


def figures_of(found: Channels) -> list[Figure]:
    """Return the rows of one number of channels."""
    cores = tuple(window.cores for window in found.broker)
    relay = tuple(window.cores for window in found.relay)
    goal = Goal(CORES_GOAL) if found.channels == COUNTS[-1] else None
    of_what = f"{found.channels} channels with a subscriber each"
    notes = notes_about([*found.broker, *found.relay])
    lost = tuple(float(window.counts.missing_packets) for window in found.broker)
    return [
        Figure(f"cores for {of_what}", "cores", cores, Baseline(C_LOOP, relay) if relay else None, goal, notes),
        Figure(f"packets lost of {of_what}", "packets", lost, goal=Goal(0), notes=notes if any(lost) else ()),
    ]


def series_of(found: Sequence[Channels]) -> list[Series]:
    """Return the lines of all."""
    lines = []
    for name, windows in ("Headrace", [one.broker for one in found]), (C_LOOP, [one.relay for one in found]):
        if all(windows):
            x = tuple(float(one.channels) for one in found)
            y = tuple(sorted(window.cores for window in of_one)[len(of_one) // 2] for of_one in windows)
            lines.append(
                Series("Channels of 2.5 Mbit/s with one subscriber each", name, "channels", "cores", x, y)
            )
    return lines


SCENARIO: Final = Scenario(
    name="channels",
    title="cores for up to 150 channels of 2.5 Mbit/s with one subscriber each",
    fixed_seconds=25,
    seconds_a_run=(2 * len(COUNTS) + 1) * (WINDOW_SECONDS + 0.8),
    measure=measure_channels,
)
