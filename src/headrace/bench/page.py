"""The page of figures: its tables and plots are made from results, what stands around them is written by people.

A page has places of the form ``<!-- bench: NAME -->`` ... ``<!-- end -->``, where NAME is a scenario, ``goals``,
or ``machine``. What lies between is replaced; a place whose scenario the results do not have stays as it is.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from headrace.base.errors import HeadraceError
from headrace.bench.chart import Line, Panel, draw_chart
from headrace.bench.machine import MachineFacts
from headrace.bench.results import BenchResults, Figure, ScenarioResult, Series, encode_results
from headrace.bench.wording import baseline_text, goal_text, ratio_text, remarks, values_text, verdict_text

PAGE: Final = "performance.md"
FOLDER: Final = "performance"
RESULTS: Final = "results.json"

_PLACE: Final = re.compile(r"(<!-- bench: ([a-z0-9-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_COLUMNS: Final = ("figure", "min / median / max", "beside it", "ratio", "goal", "", "notes")


class PageError(HeadraceError):
    """There is no page to put figures into."""


def redraw_page(folder: Path, results: BenchResults) -> None:
    """Put results into ``performance.md`` of a folder, and plots and the results themselves beside it.

    Raises:
        PageError: There is no such page.
    """
    page = folder / PAGE
    try:
        text = page.read_text()
    except OSError as error:
        raise PageError(f"cannot read {page}: {error.strerror}: --docs names the folder that it is in") from None
    beside = folder / FOLDER
    beside.mkdir(exist_ok=True)
    for name, chart in draw_plots(results.scenarios).items():
        (beside / name).write_text(chart)
    (beside / RESULTS).write_text(encode_results(results))
    page.write_text(fill_page(text, results))


def fill_page(text: str, results: BenchResults) -> str:
    """Return the page with what the results say in its places."""
    blocks = {scenario.name: scenario_block(scenario) for scenario in results.scenarios}
    blocks["goals"] = goals_block(results.scenarios)
    blocks["machine"] = machine_block(results)

    def fill(place: re.Match[str]) -> str:
        begin, name, end = place.groups()
        return f"{begin}{blocks[name]}{end}" if name in blocks else place[0]

    return _PLACE.sub(fill, text)


def goals_block(scenarios: Sequence[ScenarioResult]) -> str:
    """Return a table of the figures that have a goal."""
    rows = [
        (f"[{scenario.name}](#{scenario.name})", figure.name, values_text(figure), ratio_text(figure),
         goal_text(figure.goal), verdict_text(figure))
        for scenario in scenarios
        for figure in scenario.figures
        if figure.goal is not None
    ]  # fmt: skip
    return _table(("scenario", "figure", "min / median / max", "ratio", "goal", ""), rows)


def scenario_block(scenario: ScenarioResult) -> str:
    """Return a scenario's table, its remarks and its plots."""
    parts = [_table(_COLUMNS, [_cells(figure) for figure in scenario.figures])] if scenario.figures else []
    parts += [f"- {line}\n" for line in remarks(scenario)]
    parts += [f"\n![{title}]({FOLDER}/{name})\n" for name, title in plot_names(scenario).items()]
    return "".join(parts)


def _cells(figure: Figure) -> tuple[str, ...]:
    return (
        figure.name,
        values_text(figure),
        baseline_text(figure),
        ratio_text(figure),
        goal_text(figure.goal),
        verdict_text(figure),
        "; ".join(figure.notes),
    )


def machine_block(results: BenchResults) -> str:
    """Return the machine's facts as a table."""
    machine: MachineFacts = results.machine
    runs = f"{results.runs}{', the quick form, so rough figures' if results.is_quick else ''}"
    return _table(
        ("", ""),
        [
            ("processor", machine.processor),
            ("cores", str(machine.cores)),
            ("clock governor", machine.governor),
            ("kernel", machine.kernel),
            ("Python", machine.python),
            ("NumPy", machine.numpy),
            ("Headrace", machine.headrace),
            ("sockets", machine.fast_paths),
            ("runs", runs),
        ],
    )


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def plot_names(scenario: ScenarioResult) -> dict[str, str]:
    """Return the titles of a scenario's plots by the names of their files."""
    return {_file_name(series): series.plot for series in scenario.series}


def _file_name(series: Series) -> str:
    return re.sub(r"[^a-z0-9]+", "-", series.plot.lower()).strip("-") + ".svg"


def draw_plots(scenarios: Sequence[ScenarioResult]) -> dict[str, str]:
    """Return all plots as SVG documents by the names of their files."""
    return {
        name: draw_chart([_panel(title, [series for series in scenario.series if series.plot == title])])
        for scenario in scenarios
        for name, title in plot_names(scenario).items()
    }


def _panel(title: str, series: Sequence[Series]) -> Panel:
    lines = [Line(one.name, one.x, one.y) for one in series]
    return Panel(title, series[0].x_label, series[0].y_label, lines)
