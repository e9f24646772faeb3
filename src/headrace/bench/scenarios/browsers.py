"""Scenario ``browsers``: what viewers by WHEP cost, beside a loop that seals and sends packet by packet.

Each viewer has a session of its own: an offer over HTTP, ICE checks, a DTLS handshake, keys, sender reports that
it opens and receiver reports that it seals. Of its media it opens one packet in 64, and counts all by their
numbers. It asks for nothing again, so what is lost stays lost. Broker and loop take turns, each alone on one core.

The broker is measured as a whole: it gets the stream over SRT, makes RTP of it and does all the above. The loop
gets RTP that is ready, and only seals and sends. Packets a second are told for a second of processor time; how
many are carried by less than a core is measured by adding viewers until somebody loses a packet.
"""

import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from headrace.bench.c_programs import relay_command
from headrace.bench.load import Window, measure_window, notes_about, run_loads, too_many
from headrace.bench.loopback_port import LoadError
from headrace.bench.measured_process import MeasuredProcess
from headrace.bench.results import Baseline, Figure, Goal, Series
from headrace.bench.rivals import wait_until_bound
from headrace.bench.rtc_load import RtcLoad
from headrace.bench.rtp_frames import RtpFrames, make_rtp_frames
from headrace.bench.scenario import Finding, Plan, Progress, Scenario
from headrace.bench.sealed_load import SealedLoad
from headrace.bench.stage import Stage, free_port, stage
from headrace.bench.stream import FRAMES_PER_SECOND, StreamShape, make_stream

COUNTS: Final = (10, 100, 300)
QUICK_COUNTS: Final = (5, 20)
LADDER: Final = (400, 500, 600, 700, 800)
"""Viewers that are tried after that, until somebody loses a packet or there is no headroom."""
WINDOW_SECONDS: Final = 3.0
QUICK_WINDOW_SECONDS: Final = 0.5
FEW: Final = 20
MANY: Final = 300
QUICK_MANY: Final = 60
FULL_SECONDS: Final = 2.0
QUICK_FULL_SECONDS: Final = 0.3
SHAPE: Final = StreamShape()
THIN: Final = StreamShape(frame_packets=1, keyframe_packets=1)
"""What a viewer takes does not depend on the rate; what the load takes does."""
LOOP: Final = "Python, a loop that seals and sends each"

_PLOT: Final = "A channel of 2.5 Mbit/s with viewers by WHEP"


class Watched(NamedTuple):
    """What was seen with one number of viewers.

    Attributes:
        viewers: How many.
        packets_per_second: That each gets.
        broker: A window of each run.
        loop: The same of the loop.
    """

    viewers: int
    packets_per_second: float
    broker: Sequence[Window]
    loop: Sequence[Window]

    def per_core(self, windows: Sequence[Window]) -> tuple[float, ...]:
        """Return the packets of all viewers for a second of processor time, of each run."""
        return tuple(self.viewers * self.packets_per_second / window.cores for window in windows)


@contextmanager
def watched_broker(on: Stage, shape: StreamShape, viewers: int) -> Iterator[tuple[MeasuredProcess, RtcLoad]]:
    """Start a broker with viewers who wait for the stream to go on."""
    port, rtc_port, http_port = free_port(), free_port(), free_port(socket.SOCK_STREAM)
    options = ("--http", f"127.0.0.1:{http_port}", "--webrtc-port", str(rtc_port))
    with ExitStack() as stack:
        broker = stack.enter_context(on.broker(port, *options))
        load = RtcLoad(
            port,
            http_port,
            rtc_port,
            make_stream(shape),
            viewers=viewers,
            keyframe_interval_frames=shape.keyframe_interval_frames,
        )
        stack.enter_context(closing(load))
        yield broker, load


@contextmanager
def sealing_loop(on: Stage, frames: RtpFrames, viewers: int) -> Iterator[tuple[MeasuredProcess, SealedLoad]]:
    """Start the loop with its load."""
    port = free_port()
    with ExitStack() as stack:
        load = stack.enter_context(closing(SealedLoad(port, frames, viewers=viewers)))
        python, *arguments = relay_command(Path(sys.executable), port, load.targets)
        command = [python, "-m", "headrace.bench.sealing_loop", *arguments]
        loop = stack.enter_context(MeasuredProcess(command, on.folder / f"loop-{port}.log", on.core))
        wait_until_bound(port)
        yield loop, load


def measure_one(on: Stage, viewers: int, plan: Plan) -> Watched:
    """Measure one number of viewers, broker and loop in turns."""
    seconds = QUICK_WINDOW_SECONDS if plan.is_quick else WINDOW_SECONDS
    windows: list[Window] = []
    loop_windows: list[Window] = []
    with (
        watched_broker(on, SHAPE, viewers) as (broker, load),
        sealing_loop(on, load.frames, viewers) as (loop, plain),
    ):
        for _ in range(plan.runs):
            with loop.suspended():
                windows.append(measure_window(broker, load, (), seconds=seconds))
            loop_windows.append(measure_window(loop, plain, [load], seconds=seconds))
        packets_per_second = FRAMES_PER_SECOND * load.frames.packets_per_frame
    return Watched(viewers, packets_per_second, windows, loop_windows)


def measure_browsers(plan: Plan, progress: Progress) -> Finding:
    """Measure all numbers of viewers, look for the most that lose nothing, and see what a viewer holds."""
    with stage() as on:
        found = []
        for viewers in QUICK_COUNTS if plan.is_quick else COUNTS:
            progress(f"{viewers} viewers")
            found.append(measure_one(on, viewers, plan))
        figures = [figure for one in found for figure in figures_of(one)]
        if not plan.is_quick:
            figures += _most(on, found, progress)
        figures.append(_memory(on, plan, progress))
    return Finding(tuple(figures), tuple(series_of(found)))


def figures_of(watched: Watched) -> list[Figure]:
    """Return the rows of one number of viewers."""
    viewers, own, loop = watched.viewers, watched.broker, watched.loop
    notes = notes_about([*own, *loop])
    cores, loop_cores = (tuple(window.cores for window in windows) for windows in (own, loop))
    rates, loop_rates = watched.per_core(own), watched.per_core(loop)
    lost, loop_lost = (
        tuple(float(window.counts.missing_packets) for window in windows) for windows in (own, loop)
    )
    label = f"encrypted packets to {viewers} viewers, for a second of processor time"
    return [
        Figure(f"cores for {viewers} viewers", "cores", cores, Baseline(LOOP, loop_cores), notes=notes),
        Figure(label, "packets/s", rates, Baseline(LOOP, loop_rates)),
        Figure(f"packets lost by {viewers} viewers", "packets", lost, Baseline(LOOP, loop_lost), Goal(0)),
    ]


def _most(on: Stage, found: Sequence[Watched], progress: Progress) -> list[Figure]:
    """Add viewers until somebody loses a packet, or there is no headroom."""
    best = max(
        (one for one in found if not any(window.counts.missing_packets for window in one.broker)),
        key=lambda one: one.viewers,
        default=None,
    )
    most, cores, limit = 0, 0.0, ""
    if best is not None:
        most, cores = best.viewers, median(window.cores for window in best.broker)
    for viewers in LADDER if most == COUNTS[-1] else ():
        progress(f"{viewers} viewers")
        window, limit = _try_many(on, viewers)
        if limit or window is None:
            break
        most, cores = viewers, window.cores
    per_second = most * FRAMES_PER_SECOND * make_rtp_frames(make_stream(SHAPE)).packets_per_frame
    carried = f"encrypted packets a second to {most} viewers without a lost one"
    return [
        Figure("most viewers without a lost packet", "", (float(most),), notes=(limit,) if limit else ()),
        Figure(carried, "packets/s", (per_second,), notes=(f"with {cores:.2f} cores",)),
    ]


def _try_many(on: Stage, viewers: int) -> tuple[Window | None, str]:
    """Return what was seen of so many, and why they are too many, or nothing."""
    try:
        with watched_broker(on, SHAPE, viewers) as (broker, load):
            window = measure_window(broker, load, (), seconds=WINDOW_SECONDS)
    except LoadError as error:
        return None, f"{viewers} were too many: {error}"
    return window, too_many(viewers, window)


def resident_mb(on: Stage, viewers: int, seconds: float) -> float:
    """Return the resident memory of a new broker after it has sent a channel to viewers for a time, in MB."""
    with watched_broker(on, THIN, viewers) as (broker, load):
        load.start()
        run_loads([load], seconds)
        return broker.rss_bytes / 1e6


def _memory(on: Stage, plan: Plan, progress: Progress) -> Figure:
    many, seconds = (QUICK_MANY, QUICK_FULL_SECONDS) if plan.is_quick else (MANY, FULL_SECONDS)
    progress(f"memory with {FEW} and {many} viewers")
    values = []
    for _ in range(plan.runs):
        few_mb, many_mb = (resident_mb(on, count, seconds) for count in (FEW, many))
        values.append(1000 * (many_mb - few_mb) / (many - FEW))
    return Figure(f"memory of a viewer, from {FEW} to {many}", "KB", tuple(values))


def series_of(found: Sequence[Watched]) -> Iterator[Series]:
    """Yield the line of the broker and that of the loop."""
    x = tuple(float(one.viewers) for one in found)
    for name, windows in (
        ("Headrace", [one.broker for one in found]),
        (LOOP, [one.loop for one in found]),
    ):
        y = tuple(median(window.cores for window in of_count) for of_count in windows)
        yield Series(_PLOT, name, "viewers", "cores", x, y)


SCENARIO: Final = Scenario(
    name="browsers",
    title="cores, encrypted packets a second and memory for 10 to 300 viewers by WHEP",
    fixed_seconds=90,
    seconds_a_run=3 * 2 * (WINDOW_SECONDS + 0.8) + 2 * 6,
    measure=measure_browsers,
)
