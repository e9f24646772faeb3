"""What a broker adds to the way of a packet: from the producer's send to the kernel's arrival at subscribers.

The broker has one core, the load another one. The same load goes through `bench.plain_relay`, in turns with the
broker, so that what else the machine does falls on both alike. The time ends when the kernel has taken a packet
in at a subscriber, so it does not matter how busy the load is; it begins before the producer's system call, of
which on the loopback interface the receiving side of the kernel is a part.

Source: the method is that of RFC 1242, 3.8, with a time before and a time after the device.
"""

import argparse
import gc
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from bench.latency_load import PACKETS_PER_FRAME, PAYLOAD_BYTES, Load, PlainLoad, SrtLoad
from bench.soak.report import machine_facts
from numpy.typing import NDArray

from headrace.bench.measured_process import BrokerProcess, MeasuredProcess, read_core_time
from headrace.bench.stage import free_port
from headrace.netio.capabilities import probe_capabilities
from headrace.netio.clock import now_us

FRAMES_PER_SECOND: Final = 30
BITS_PER_SECOND: Final = 8 * PAYLOAD_BYTES * PACKETS_PER_FRAME * FRAMES_PER_SECOND
WARM_UP_FRAMES: Final = 15
"""After a pause, caches and the core's clock are cold."""
SETTLE_US: Final = 200_000
"""After a window's last packet; what has not come by then counts as missing."""
TURN_SECONDS: Final = 0.001
SAMPLED_AT_MOST: Final = 100
BUSY_SHARE: Final = 0.9
"""Of its core: a load that needs more may send frames late and together."""
WAITED_SHARE: Final = 0.05
"""Of the time that a process wanted its core: above this, the figures are of the machine's other work too."""


@dataclass(frozen=True, slots=True)
class LatencyPlan:
    """How a run is to be.

    Attributes:
        subscribers: How many.
        windows: Of the broker, and as many of the plain relay.
        window_seconds: Length of each.
    """

    subscribers: int = 100
    windows: int = 5
    window_seconds: float = 4.0


class Spread(NamedTuple):
    """Microseconds: the least, the median, 99 % and the most."""

    min_us: float
    p50_us: float
    p99_us: float
    max_us: float


@dataclass(frozen=True, slots=True)
class LatencyWindow:
    """What one window showed.

    Attributes:
        packets: Of each packet at each sampled subscriber.
        last_subscriber: Of each packet, until the last of them had it.
        frames: Of each frame, from before its first packet until the last of them had all of it.
        first_row_us: Median at the subscriber to which the first is sent.
        last_row_us: Median at the one to which the last is sent.
        missing: Packets of sampled subscribers that had not come at the end.
        core_share: Time that the broker or relay ran over real time.
        waited_share: Of the time that it wanted its core, what something else had it.
        load_core_share: Time that the load ran over real time.
        load_waited_share: The same of the load.
    """

    packets: Spread
    last_subscriber: Spread
    frames: Spread
    first_row_us: float
    last_row_us: float
    missing: int
    core_share: float
    waited_share: float
    load_core_share: float
    load_waited_share: float


@dataclass(frozen=True, slots=True)
class AddedLatency:
    """What one run showed.

    Attributes:
        subscribers: How many.
        sampled: At how many of them arrivals were noted.
        broker: Windows of ``headrace serve``.
        relay: Windows of the plain relay.
        fast_paths: What the broker said it had found.
    """

    subscribers: int
    sampled: int
    broker: list[LatencyWindow]
    relay: list[LatencyWindow]
    fast_paths: str


def measure_added_latency(plan: LatencyPlan) -> AddedLatency:
    """Run broker and plain relay, in turns.

    Raises:
        HeadraceError: The broker could not be reached.
        RuntimeError: Nor could the relay.
    """
    sampled = min(plan.subscribers, SAMPLED_AT_MOST)
    with tempfile.TemporaryDirectory() as scratch, _own_cores() as core:
        ports = free_port(), free_port()
        broker = BrokerProcess(ports[0], Path(scratch) / "broker.log", core=core)
        relay = MeasuredProcess(_relay_command(ports[1]), Path(scratch) / "relay.log", core)
        try:
            with (
                closing(PlainLoad(ports[1], plan.subscribers, sampled)) as plain_load,
                closing(SrtLoad(ports[0], plan.subscribers, sampled)) as srt_load,
            ):
                pairs = [
                    (
                        _run_window(broker, srt_load, plain_load, plan),
                        _run_window(relay, plain_load, srt_load, plan),
                    )
                    for _ in range(plan.windows)
                ]
        finally:
            relay.stop()
            broker.stop()
        windows, relay_windows = zip(*pairs, strict=True)
        return AddedLatency(
            plan.subscribers, sampled, [*windows], [*relay_windows], probe_capabilities().describe()
        )


def _relay_command(port: int) -> list[str]:
    return [sys.executable, "-m", "bench.plain_relay", "--port", str(port)]


@contextmanager
def _own_cores() -> Iterator[int]:
    """Keep to one core for a while, without the garbage collector's pauses; yield another one, if there is one."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    gc.disable()
    try:
        yield min(cores)
    finally:
        gc.enable()
        os.sched_setaffinity(0, cores)


def _run_window(process: MeasuredProcess, load: Load, idle: Load, plan: LatencyPlan) -> LatencyWindow:
    _send_frames(load, idle, WARM_UP_FRAMES)
    load.take_arrivals_us(0, 0)
    started_us, first_packet = now_us(), load.sent_packets
    before, load_before = process.core_time, read_core_time(os.getpid())
    sent_us = _send_frames(load, idle, round(plan.window_seconds * FRAMES_PER_SECOND))
    elapsed_seconds = (now_us() - started_us) / 1e6
    after, load_after = process.core_time, read_core_time(os.getpid())
    arrivals_us = load.take_arrivals_us(first_packet, len(sent_us))
    ran, waited = np.subtract(after, before).tolist()
    load_ran, load_waited = np.subtract(load_after, load_before).tolist()
    return _sum_up(
        np.array(sent_us, np.float64),
        arrivals_us,
        (ran / elapsed_seconds, _share(waited, ran)),
        (load_ran / elapsed_seconds, _share(load_waited, load_ran)),
    )


def _send_frames(load: Load, idle: Load, frames: int) -> list[int]:
    """Send so many on time and receive until all have come; return the times just before each packet.

    The idle load's connections are kept alive meanwhile.
    """
    start_us = now_us()
    sent_us: list[int] = []
    for number in range(frames):
        while now_us() < start_us + number * 1_000_000 // FRAMES_PER_SECOND:
            load.turn(TURN_SECONDS)
        idle.turn(0)
        sent_us += load.send_frame()
    end_us = now_us() + SETTLE_US
    while now_us() < end_us:
        load.turn(TURN_SECONDS)
    return sent_us


def _share(waited_seconds: float, ran_seconds: float) -> float:
    wanted_seconds = waited_seconds + ran_seconds
    return waited_seconds / wanted_seconds if wanted_seconds else 0.0


def _sum_up(
    sent_us: NDArray[np.float64],
    arrivals_us: NDArray[np.float64],
    shares: tuple[float, float],
    load_shares: tuple[float, float],
) -> LatencyWindow:
    latencies_us = arrivals_us - sent_us[:, None]
    whole = ~np.isnan(arrivals_us).any(axis=1)
    last_us = arrivals_us[whole].max(axis=1, initial=0)
    by_frame = arrivals_us.reshape(len(arrivals_us) // PACKETS_PER_FRAME, -1)
    frames_whole = ~np.isnan(by_frame).any(axis=1)
    return LatencyWindow(
        packets=_spread(latencies_us[~np.isnan(latencies_us)]),
        last_subscriber=_spread(last_us - sent_us[whole]),
        frames=_spread(by_frame[frames_whole].max(axis=1, initial=0) - sent_us[::PACKETS_PER_FRAME][frames_whole]),
        first_row_us=float(np.nanmedian(latencies_us[:, 0])),
        last_row_us=float(np.nanmedian(latencies_us[:, -1])),
        missing=int(np.isnan(arrivals_us).sum()),
        core_share=shares[0],
        waited_share=shares[1],
        load_core_share=load_shares[0],
        load_waited_share=load_shares[1],
    )


def _spread(latencies_us: NDArray[np.float64]) -> Spread:
    if not len(latencies_us):
        raise RuntimeError("no packet reached all who were measured: try it with fewer subscribers")
    return Spread(*np.percentile(latencies_us, [0, 50, 99, 100]).tolist())


def complaints(latency: AddedLatency) -> list[str]:
    """Return what makes the figures those of something else than the broker."""
    found = []
    for name, windows in ("broker", latency.broker), ("relay", latency.relay):
        for said, share, limit in (
            (f"something else had the {name}'s core while that wanted it", "waited_share", WAITED_SHARE),
            (
                f"something else had the load's core while the {name} was measured",
                "load_waited_share",
                WAITED_SHARE,
            ),
            (
                f"the load itself was the limit of the {name}, by its share of a core",
                "load_core_share",
                BUSY_SHARE,
            ),
        ):
            over = [value for window in windows if (value := getattr(window, share)) > limit]
            if over:
                most = f"{100 * max(over):.0f} %"
                found.append(
                    f"{said}: above {100 * limit:.0f} % in {len(over)} of {len(windows)} windows, up to {most}"
                )
        if missing := sum(window.missing for window in windows):
            found.append(f"{missing} packets had not come at the end of their window ({name})")
    return found


def print_added_latency(latency: AddedLatency) -> None:
    """Print what a run showed, and the facts about this machine."""
    print(
        f"added latency with {latency.subscribers} subscribers ({latency.sampled} measured), loopback: "
        f"{BITS_PER_SECOND / 1e6:.2f} Mbit/s, {FRAMES_PER_SECOND} frames a second of {PACKETS_PER_FRAME} packets"
    )
    print(", ".join(f"{name} {fact}" for name, fact in machine_facts().items()) + f"; {latency.fast_paths}")
    print(f"microseconds, the median of {len(latency.broker)} windows (least to most of them)")
    print(f"{'':<46}" + "".join(f"{name:>20}" for name in ("min", "p50", "p99", "max")))
    for name, windows in ("broker", latency.broker), ("plain sendto relay", latency.relay):
        _print_windows(name, windows)
    for complaint in complaints(latency):
        print(f"NOTE: {complaint}")


def _print_windows(name: str, windows: Sequence[LatencyWindow]) -> None:
    for label, spreads in (
        ("each packet", [window.packets for window in windows]),
        ("packet at last subscriber", [window.last_subscriber for window in windows]),
        ("frame at last subscriber", [window.frames for window in windows]),
    ):
        cells = (f"{_middle(column):>20}" for column in zip(*spreads, strict=True))
        print(f"{name + ',':<20}{label:<26}" + "".join(cells))
    shares = [
        f"{100 * statistics.median(getattr(window, share) for window in windows):.1f}"
        for share in ("core_share", "waited_share", "load_core_share", "load_waited_share")
    ]
    print(
        f"{'':<20}median at the first {_middle([window.first_row_us for window in windows])}, at the last "
        f"{_middle([window.last_row_us for window in windows])}; core {shares[0]} %, waited {shares[1]} %; "
        f"load's core {shares[2]} %, waited {shares[3]} %"
    )


def _middle(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.0f} ({min(values):.0f}-{max(values):.0f})"


def to_json(latency: AddedLatency, plan: LatencyPlan) -> object:
    """Return everything as what `json.dumps` takes."""
    return {
        "machine": machine_facts(),
        "plan": asdict(plan),
        "complaints": complaints(latency),
        "latency": asdict(latency),
    }


def main() -> None:
    """Measure and print, and write results if asked to."""
    parser = argparse.ArgumentParser(prog="python -m bench.added_latency", description=__doc__.partition("\n")[0])
    parser.add_argument("--subscribers", type=int, default=100, help="how many (default 100)")
    parser.add_argument("--windows", type=int, default=5, help="readings of each (default 5)")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a reading (default 4)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write results there")
    arguments = parser.parse_args()
    if min(arguments.subscribers, arguments.windows) < 1 or arguments.seconds < 1 / FRAMES_PER_SECOND:
        parser.error("--subscribers and --windows have to be 1 or more, --seconds long enough for a frame")
    plan = LatencyPlan(arguments.subscribers, arguments.windows, arguments.seconds)
    latency = measure_added_latency(plan)
    print_added_latency(latency)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(to_json(latency, plan), indent=1) + "\n")


if __name__ == "__main__":
    main()
