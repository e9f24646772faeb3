"""Running scenarios one after the other, so that one that cannot run takes nothing from the others."""

import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from headrace.base.errors import HeadraceError
from headrace.bench.catalogue import SCENARIOS
from headrace.bench.results import ScenarioResult
from headrace.bench.scenario import Plan, Progress, Scenario, ScenarioSkipped

_FAILURES: Final = (HeadraceError, OSError, RuntimeError, subprocess.SubprocessError)


class UnknownScenarioError(HeadraceError):
    """There is no scenario of this name."""


def choose_scenarios(names: Sequence[str]) -> tuple[Scenario, ...]:
    """Return the scenarios that are named, in the catalogue's order; all where none is.

    Raises:
        UnknownScenarioError: One does not exist.
    """
    known = {scenario.name for scenario in SCENARIOS}
    for name in names:
        if name not in known:
            raise UnknownScenarioError(f"there is no scenario {name!r}: take some of {', '.join(sorted(known))}")
    return tuple(scenario for scenario in SCENARIOS if not names or scenario.name in names)


def run_scenarios(scenarios: Sequence[Scenario], plan: Plan, progress: Progress) -> Iterator[ScenarioResult]:
    """Run scenarios and give each one's result as soon as it is there."""
    for scenario in scenarios:
        started = time.monotonic()
        result = _run(scenario, plan, progress)
        yield replace(result, seconds=round(time.monotonic() - started, 1))


def _run(scenario: Scenario, plan: Plan, progress: Progress) -> ScenarioResult:
    def say(line: str) -> None:
        progress(f"{scenario.name}: {line}")

    say(scenario.title)
    try:
        figures, series, notes = scenario.measure(plan, say)
    except ScenarioSkipped as reason:
        say(f"skipped: {reason}")
        return ScenarioResult(scenario.name, scenario.title, skipped=str(reason))
    except _FAILURES as error:
        say(f"failed: {error}")
        return ScenarioResult(scenario.name, scenario.title, failure=f"{type(error).__name__}: {error}")
    return ScenarioResult(scenario.name, scenario.title, figures, series, notes)
