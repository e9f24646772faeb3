"""Running scenarios: what cannot run takes nothing from the others."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from headrace.bench import runner
from headrace.bench.results import Figure
from headrace.bench.runner import UnknownScenarioError, choose_scenarios, run_scenarios
from headrace.bench.scenario import Finding, Plan, Progress, Scenario, ScenarioSkipped

FIGURE = Figure("cost", "us", (1.0,))


def measure(plan: Plan, progress: Progress) -> Finding:
    progress(f"{plan.runs} runs")
    return Finding((FIGURE,), notes=("pinned",))


def raising(error: Exception) -> Callable[[Plan, Progress], Finding]:
    def measure(plan: Plan, progress: Progress) -> Finding:
        raise error

    return measure


GOOD = Scenario("good", "What works", 1, 1, measure)


def test_what_is_skipped_or_fails_is_said_and_the_others_are_measured() -> None:
    scenarios = (
        replace(GOOD, name="lacking", measure=raising(ScenarioSkipped("no compiler"))),
        replace(GOOD, name="broken", measure=raising(OSError("no such file"))),
        GOOD,
    )
    said: list[str] = []
    lacking, broken, good = run_scenarios(scenarios, Plan(runs=2), said.append)
    assert (lacking.skipped, lacking.failure) == ("no compiler", "")
    assert (broken.skipped, broken.failure) == ("", "OSError: no such file")
    assert (good.name, good.title, good.figures, good.notes) == ("good", "What works", (FIGURE,), ("pinned",))
    assert good.seconds >= 0
    assert "lacking: skipped: no compiler" in said
    assert "good: 2 runs" in said


def test_a_mistake_in_a_scenario_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        list(run_scenarios([replace(GOOD, measure=raising(ZeroDivisionError()))], Plan(), print))


def test_scenarios_are_chosen_by_name_in_the_catalogues_order(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = (replace(GOOD, name=name) for name in ("first", "second", "third"))
    monkeypatch.setattr(runner, "SCENARIOS", (first, second, third))
    assert choose_scenarios(()) == (first, second, third)
    assert choose_scenarios(["third", "first"]) == (first, third)
    with pytest.raises(UnknownScenarioError, match="'fourth': take some of first, second, third"):
        choose_scenarios(["first", "fourth"])
