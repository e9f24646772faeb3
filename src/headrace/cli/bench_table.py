"""The table that ``headrace bench`` prints."""

from collections.abc import Sequence
from typing import Final

from rich.console import Group
from rich.table import Table
from rich.text import Text

from headrace.bench.machine import MachineFacts
from headrace.bench.results import Figure, ScenarioResult
from headrace.bench.wording import baseline_text, goal_text, ratio_text, remarks, values_text, verdict_text

_COLOURS: Final = {"met": "green", "missed": "red"}


def bench_view(machine: MachineFacts, scenarios: Sequence[ScenarioResult]) -> Group:
    """Return a table of all figures, what has to be said of the scenarios, and the machine's facts."""
    table = Table(box=None, pad_edge=False, collapse_padding=True)
    table.add_column("scenario", no_wrap=True)
    for heading in ("figure", "min / median / max", "beside it", "ratio", "goal", "", "notes"):
        table.add_column(heading, overflow="fold")
    for scenario in scenarios:
        for number, figure in enumerate(scenario.figures):
            table.add_row("" if number else scenario.name, *_cells(figure))
    said = [Text(f"{scenario.name}: {line}") for scenario in scenarios for line in remarks(scenario)]
    return Group(table, Text(), *said, Text(machine_text(machine)))


def _cells(figure: Figure) -> list[str | Text]:
    verdict = verdict_text(figure)
    return [
        figure.name,
        values_text(figure),
        baseline_text(figure),
        ratio_text(figure),
        goal_text(figure.goal),
        Text(verdict, style=_COLOURS.get(verdict, "")),
        "; ".join(figure.notes),
    ]


def machine_text(machine: MachineFacts) -> str:
    """Return the machine's facts as one line."""
    return (
        f"{machine.processor}, {machine.cores} cores, governor {machine.governor}; {machine.kernel}; "
        f"{machine.python}, NumPy {machine.numpy}, Headrace {machine.headrace}; {machine.fast_paths}"
    )
