"""Scenario ``start``: how long until ``headrace --help`` has answered, a broker listens, and it lets callers in.

It listens before it has read its state, and answers no caller until it has. Beside them stand the least that
Python takes, NumPy, and SQLAlchemy. Each is run once before, so that files are in memory.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from headrace.bench.loopback_port import LoadError
from headrace.bench.results import Baseline, Figure, Goal
from headrace.bench.scenario import Finding, Plan, Progress, Scenario
from headrace.bench.stage import free_port

HELP_GOAL_MS: Final = 200
LISTENING_GOAL_MS: Final = 500
STARTS_A_RUN: Final = 2
"""A start is short, and its time varies more than that of a window."""

_LIMIT_SECONDS: Final = 60
_LISTENING: Final = "listening"
_READY: Final = "state read"
_HEADRACE: Final = (sys.executable, "-m", "headrace")


def run_ms(command: Sequence[str], folder: Path) -> float:
    """Return how long a command takes."""
    started = time.perf_counter()
    subprocess.run(  # noqa: S603 - Python with our own arguments
        command, cwd=folder, stdout=subprocess.DEVNULL, check=True, timeout=_LIMIT_SECONDS
    )
    return 1e3 * (time.perf_counter() - started)


def serving_ms(folder: Path, until: str = _LISTENING) -> float:
    """Return how long a broker takes until its log has ``until``; its state is in ``folder``.

    Raises:
        LoadError: It ended before.
    """
    command = [*_HEADRACE, "serve", "--listen", f"127.0.0.1:{free_port()}", "--control", "off", "--http", "off"]
    command += ["--state", str(folder / "state")]
    started = time.perf_counter()
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as broker:  # noqa: S603 - our own
        try:
            if broker.stderr is None or not any(until in line for line in broker.stderr):
                raise LoadError("the broker ended before it listened")
            return 1e3 * (time.perf_counter() - started)
        finally:
            broker.kill()


def measure_start(plan: Plan, progress: Progress) -> Finding:
    """Measure both, each in turns with its baseline."""
    starts = plan.runs if plan.is_quick else STARTS_A_RUN * plan.runs
    python = (sys.executable, "-c")
    with TemporaryDirectory(prefix="headrace-bench-") as name:
        folder = Path(name)
        progress("headrace --help")
        helps = _in_turns(
            starts,
            lambda: run_ms((*_HEADRACE, "--help"), folder),
            lambda: run_ms((*python, "pass"), folder),
        )
        progress("headrace serve")
        serves = _in_turns(starts, lambda: serving_ms(folder), lambda: run_ms((*python, "import numpy"), folder))
        ready = _in_turns(
            starts, lambda: serving_ms(folder, _READY), lambda: run_ms((*python, "import sqlalchemy"), folder)
        )
    return Finding(
        (
            _figure("headrace --help", helps, "python -c pass", HELP_GOAL_MS),
            _figure("headrace serve until it listens", serves, "python -c 'import numpy'", LISTENING_GOAL_MS),
            _figure("headrace serve until it lets callers in", ready, "python -c 'import sqlalchemy'"),
        )
    )


def _in_turns(
    count: int, ours: Callable[[], float], theirs: Callable[[], float]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    ours(), theirs()
    pairs = [(ours(), theirs()) for _ in range(count)]
    return tuple(own for own, _ in pairs), tuple(other for _, other in pairs)


def _figure(
    name: str, values: tuple[tuple[float, ...], tuple[float, ...]], beside: str, goal_ms: float | None = None
) -> Figure:
    ours, theirs = values
    return Figure(name, "ms", ours, Baseline(beside, theirs), None if goal_ms is None else Goal(goal_ms))


SCENARIO: Final = Scenario(
    name="start",
    title="time until headrace --help has answered and until a broker listens",
    fixed_seconds=3,
    seconds_a_run=STARTS_A_RUN * 3,
    measure=measure_start,
)
