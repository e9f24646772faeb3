"""Runs fuzz targets side by side for so many seconds each, and tells what came of it.

What fuzzing learns stays in ``.fuzz/`` of the checkout, which git ignores: the next run begins with it.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from tests.fuzz.corpora import read_corpus
from tests.fuzz.target import load_target

FOLDER: Final = Path(__file__).parents[2] / ".fuzz"
SIDE_BY_SIDE: Final = 2
PROGRESS_SECONDS: Final = 10.0
START_SECONDS: Final = 600.0
"""What starting and stopping may take on a busy machine, beside the time for fuzzing."""
RSS_LIMIT_MEGABYTES: Final = 1024
HANG_SECONDS: Final = 60
"""One input for so long is a finding. Out of proportion is found by counting lines, long before."""

_PROGRESS: Final = re.compile(rb"^#(\d+)\s", re.MULTILINE)
_FINDINGS: Final = ("crash-*", "timeout-*", "oom-*", "leak-*")


@dataclass(slots=True)
class Outcome:
    """What a target's run has come to.

    Attributes:
        name: Of the target.
        executions: Inputs that it was given.
        seconds: How long that took.
        corpus: Inputs that each reach something new.
        findings: Files of inputs on which something broke.
        failure: What else went wrong, or empty.
    """

    name: str
    executions: int = 0
    seconds: float = 0.0
    corpus: int = 0
    findings: list[Path] = field(default_factory=list)
    failure: str = ""


class Run:
    """One target's process.

    Args:
        name: Of the target.
        seconds: How long it is to fuzz.
        folder: Where its corpus, findings and log go.
    """

    def __init__(self, name: str, seconds: int, folder: Path) -> None:
        self.outcome = Outcome(name)
        self._corpus, self._findings = folder / "corpus" / name, folder / "findings" / name
        self._log = folder / f"{name}.log"
        self._begun = monotonic()
        self._give_up = self._begun + seconds + START_SECONDS
        shutil.rmtree(self._findings, ignore_errors=True)
        for made in (self._corpus, self._findings):
            made.mkdir(parents=True, exist_ok=True)
        self._lay_out_corpus()
        command = [
            *(sys.executable, "-m", "tests.fuzz.run_target", name),
            f"-max_total_time={seconds}",
            f"-timeout={HANG_SECONDS}",
            f"-rss_limit_mb={RSS_LIMIT_MEGABYTES}",
            f"-artifact_prefix={self._findings}/",
            "-print_final_stats=1",
            str(self._corpus),
        ]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def _lay_out_corpus(self) -> None:
        for number, data in enumerate([*load_target(self.outcome.name).seeds(), *read_corpus(self.outcome.name)]):
            (self._corpus / f"kept-{number:04}").write_bytes(data)

    def executions(self) -> int:
        """Return how many inputs it has been given so far."""
        found = _PROGRESS.findall(self._log.read_bytes())
        return int(found[-1]) if found else 0

    def poll(self) -> bool:
        """Return whether it has ended; the outcome is then known."""
        code = self._process.poll()
        if code is None and monotonic() > self._give_up:
            self._process.kill()
            code = self._process.wait()
        if code is None:
            return False
        outcome = self.outcome
        outcome.executions, outcome.seconds = self.executions(), monotonic() - self._begun
        outcome.corpus = sum(1 for _ in self._corpus.iterdir())
        outcome.findings = sorted(path for kind in _FINDINGS for path in self._findings.glob(kind))
        if code and not outcome.findings:
            last = self._log.read_text(errors="replace").strip().splitlines()[-1:]
            outcome.failure = f"ended with exit code {code}: {''.join(last)} (all of it: {self._log})"
        return True

    def stop(self) -> None:
        """End it."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def run_all(
    names: Sequence[str], seconds: int, say: Callable[[str], None], folder: Path = FOLDER
) -> list[Outcome]:
    """Fuzz each target for so many seconds, `SIDE_BY_SIDE` at a time; return what came of it, in order."""
    waiting, running, ended = list(names), list[Run](), list[Outcome]()
    told = monotonic()
    try:
        while waiting or running:
            while waiting and len(running) < SIDE_BY_SIDE:
                running.append(Run(waiting.pop(0), seconds, folder))
            sleep(0.2)
            for run in [run for run in running if run.poll()]:
                running.remove(run)
                ended.append(run.outcome)
                say(_ended_line(run.outcome, len(ended), len(names)))
            if monotonic() - told >= PROGRESS_SECONDS and running:
                told = monotonic()
                say("  ".join(f"{run.outcome.name}: {run.executions():,}" for run in running))
    finally:
        for run in running:
            run.stop()
    return ended


def _ended_line(outcome: Outcome, number: int, count: int) -> str:
    found = f"{len(outcome.findings)} findings" if outcome.findings else outcome.failure or "nothing found"
    return f"[{number}/{count}] {outcome.name}: {outcome.executions:,} executions, {found}"


def table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Give the lines of a table of what came of it, and of what replays each finding."""
    width = max([len("target"), *(len(outcome.name) for outcome in outcomes)])
    yield f"{'target':<{width}} {'executions':>12} {'a second':>9} {'corpus':>7} {'findings':>9}"
    for one in outcomes:
        rate = one.executions / one.seconds if one.seconds else 0
        found = "failed" if one.failure else str(len(one.findings))
        yield f"{one.name:<{width}} {one.executions:>12,} {rate:>9,.0f} {one.corpus:>7,} {found:>9}"
    yield f"{'all':<{width}} {sum(one.executions for one in outcomes):>12,}"
    for one in outcomes:
        if one.failure:
            yield f"{one.name} {one.failure}"
        for path in one.findings:
            yield f"replay: {sys.executable} -m tests.fuzz.run_target {one.name} --replay {path}"
