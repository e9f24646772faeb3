"""Scenario ``client``: what ``headrace produce`` and ``headrace client`` take for one channel of 20 Mbit/s.

The producer passes a file on, at its own pace, and the client receives, decodes and records. The pictures cost
next to nothing to decode, so this is what is needed beside the codec. Where srt-live-transmit is installed it
receives the same channel into a file at the same time.
"""

import json
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from headrace.bench.loopback_port import LoadError
from headrace.bench.measured_process import BrokerProcess, MeasuredProcess
from headrace.bench.padded_video import make_padded_video
from headrace.bench.results import Baseline, Figure, Goal
from headrace.bench.scenario import Finding, Plan, Progress, Scenario, ScenarioSkipped
from headrace.bench.stage import free_port

BITS_PER_SECOND: Final = 20_000_000
GOAL_CORES: Final = 1 / 3
WINDOW_SECONDS: Final = 3.0
QUICK_WINDOW_SECONDS: Final = 0.5
SPARE_SECONDS: Final = 10.0
"""So much longer is the file: receivers start while it is sent."""
START_LIMIT_SECONDS: Final = 60.0

_CHANNEL_ID: Final = "BENCH"
_HEADRACE: Final = (sys.executable, "-m", "headrace")
_PRODUCER: Final = "produce"
_CLIENT: Final = "client"
_OTHER_RECEIVER: Final = "srt-live-transmit"
_VIDEO: Final = "video.ts"
_FIGURES: Final = "client.json"


def measure_client_side(plan: Plan, progress: Progress) -> Finding:
    """Measure producer, client and the other receiver in the same windows.

    Raises:
        ScenarioSkipped: This is not Linux.
        LoadError: The client has seen no picture.
    """
    if sys.platform != "linux":
        raise ScenarioSkipped("processor time of other processes is read from proc(5): Linux is needed")
    window_seconds = QUICK_WINDOW_SECONDS if plan.is_quick else WINDOW_SECONDS
    with TemporaryDirectory(prefix="headrace-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        progress("making a file of 20 Mbit/s")
        with (folder / _VIDEO).open("wb") as file:
            file.writelines(make_padded_video(BITS_PER_SECOND, plan.runs * window_seconds + SPARE_SECONDS))
        processes = _start(stack, folder)
        _wait_for_flow(folder, len(processes) - 1)
        windows = []
        for run in range(plan.runs):
            progress(f"window {run + 1} of {plan.runs}")
            windows.append(_measure_window(processes, window_seconds))
        if not processes[_PRODUCER].is_running:
            raise LoadError("the file came to its end while we measured: this machine is too busy")
        processes[_CLIENT].stop()
        received = json.loads((folder / _FIGURES).read_text())
    return Finding(_figures(windows, received))


def _start(stack: ExitStack, folder: Path) -> dict[str, MeasuredProcess]:
    port = free_port()
    stack.enter_context(BrokerProcess(port, folder / "broker.log"))
    broker = ("--broker", f"127.0.0.1:{port}")
    client = (*_HEADRACE, "client", "--subscribe", _CHANNEL_ID, *broker, "--record", str(folder), "--json")
    processes = {_CLIENT: MeasuredProcess(client, folder / "client.log", output=folder / _FIGURES)}
    if receiver := shutil.which(_OTHER_RECEIVER):
        command = (receiver, "-q", f"srt://127.0.0.1:{port}?streamid={_CHANNEL_ID}", "file://con")
        output = folder / f"{_CHANNEL_ID}-other.ts"
        processes[_OTHER_RECEIVER] = MeasuredProcess(command, folder / "other.log", output=output)
    produce = (*_HEADRACE, "produce", _CHANNEL_ID, *broker, "--stdin")
    processes[_PRODUCER] = MeasuredProcess(produce, folder / "produce.log", input=folder / _VIDEO)
    for process in processes.values():
        stack.enter_context(process)
    return processes


def _wait_for_flow(folder: Path, receivers: int) -> None:
    """Wait until each receiver has written a second of the channel, so that nothing of its start is measured."""
    give_up = time.monotonic() + START_LIMIT_SECONDS
    while True:
        recordings = list(folder.glob(f"{_CHANNEL_ID}-*.ts"))
        flowing = [path for path in recordings if path.stat().st_size >= BITS_PER_SECOND // 8]
        if len(flowing) == receivers:
            return
        if time.monotonic() > give_up:
            raise LoadError(f"the channel did not flow within {START_LIMIT_SECONDS:.0f} s")
        time.sleep(0.05)


def _measure_window(processes: dict[str, MeasuredProcess], seconds: float) -> dict[str, float]:
    """Return the cores that each process takes for ``seconds``."""
    started = time.monotonic()
    before = {name: process.core_time.ran_seconds for name, process in processes.items()}
    time.sleep(seconds)
    elapsed = time.monotonic() - started
    return {name: (process.core_time.ran_seconds - before[name]) / elapsed for name, process in processes.items()}


def _figures(windows: Sequence[Mapping[str, float]], received: Mapping[str, object]) -> tuple[Figure, ...]:
    def cores(name: str) -> tuple[float, ...]:
        return tuple(window[name] for window in windows)

    goal = Goal(GOAL_CORES)
    baseline = None
    if _OTHER_RECEIVER in windows[0]:
        baseline = Baseline(f"{_OTHER_RECEIVER} (C++), which decodes nothing", cores(_OTHER_RECEIVER))
    notes = tuple(
        f"{received[key]} {name}"
        for key, name in (("packets_lost", "packets lost"), ("decode_errors", "decoding errors"))
        if received[key]
    )
    if not received["frames_decoded"]:
        raise LoadError("the client has seen no picture")
    return (
        Figure("cores of headrace produce, a file passed on", "cores", cores(_PRODUCER), goal=goal),
        Figure("cores of headrace client, recording", "cores", cores(_CLIENT), baseline, goal, notes),
    )


SCENARIO: Final = Scenario(
    name="client",
    title="cores for headrace produce and client, one channel of 20 Mbit/s",
    fixed_seconds=8,
    seconds_a_run=WINDOW_SECONDS,
    measure=measure_client_side,
)
