"""``headrace bench``: what it costs on this machine, with baselines."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from headrace.base.errors import HeadraceError
from headrace.bench.machine import machine_facts
from headrace.bench.page import redraw_page
from headrace.bench.results import BenchResults, ScenarioResult, decode_results, encode_results
from headrace.bench.runner import choose_scenarios, run_scenarios
from headrace.bench.scenario import Plan, Scenario
from headrace.cli.bench_table import bench_view
from headrace.cli.channel_figures import wide_console


class BenchFailedError(HeadraceError):
    """A scenario could not be measured although this machine has what it needs."""


def bench(
    *,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="SCENARIO", show_default=False, help="Only these; else all.")
    ] = None,
    runs: Annotated[int, typer.Option(metavar="N", min=1, max=100, help="Measure each figure this often.")] = 5,
    quick: Annotated[bool, typer.Option("--quick", help="Rough figures: fewer steps, shorter windows.")] = False,
    json_path: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the results, after each scenario anew.")
    ] = None,
    docs: Annotated[
        Path | None,
        typer.Option("--docs", metavar="FOLDER", help="Put figures and plots into performance.md of this folder."),
    ] = None,
    source: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="Take results from here instead of measuring.")
    ] = None,
    list_only: Annotated[bool, typer.Option("--list", help="Show which scenarios there are.")] = False,
) -> None:
    """Measure what Headrace costs on this machine, with baselines: leave the machine alone meanwhile."""
    scenarios = choose_scenarios(names or ())
    if list_only:
        _list(scenarios)
        return
    plan = Plan(runs, quick)
    results = decode_results(source.read_text()) if source else _measure(scenarios, plan, json_path)
    wide_console().print(bench_view(results.machine, results.scenarios))
    if docs:
        redraw_page(docs, results)
    if failed := [scenario.name for scenario in results.scenarios if scenario.failure]:
        raise BenchFailedError(f"could not be measured: {', '.join(failed)}: see above for the reason")


def _list(scenarios: Iterable[Scenario]) -> None:
    for scenario in scenarios:
        sys.stdout.write(f"{scenario.name:<12} {scenario.title}\n")


def _measure(scenarios: tuple[Scenario, ...], plan: Plan, json_path: Path | None) -> BenchResults:
    expected_seconds = sum(scenario.expected_seconds(plan) for scenario in scenarios)
    at_most = "at most " if plan.is_quick else ""
    _say(f"{len(scenarios)} scenarios, {plan.runs} runs each: {at_most}{expected_seconds / 60:.0f} min, about")
    machine = machine_facts()
    done: list[ScenarioResult] = []
    for result in run_scenarios(scenarios, plan, _say):
        done.append(result)
        if json_path:
            json_path.write_text(encode_results(BenchResults(machine, plan.runs, plan.is_quick, tuple(done))))
    return BenchResults(machine, plan.runs, plan.is_quick, tuple(done))


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
