"""The page of figures has a place for each scenario, and shows what its results say."""

from pathlib import Path

import pytest

from headrace.bench.catalogue import SCENARIOS
from headrace.bench.page import draw_plots, fill_page
from headrace.bench.results import decode_results

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "performance.md").read_text()
RESULTS = decode_results((DOCS / "performance" / "results.json").read_text())
REDRAW = "make performance FROM=docs/performance/results.json"


@pytest.mark.parametrize("name", [scenario.name for scenario in SCENARIOS])
def test_each_scenario_has_a_heading_and_a_place(name: str) -> None:
    assert f"\n## {name}\n" in PAGE
    assert f"\n<!-- bench: {name} -->\n" in PAGE


def test_the_page_shows_its_results() -> None:
    assert fill_page(PAGE, RESULTS) == PAGE, REDRAW


def test_the_plots_show_its_results() -> None:
    drawn = {path.name: path.read_text() for path in (DOCS / "performance").glob("*.svg")}
    assert drawn == draw_plots(RESULTS.scenarios), REDRAW


def test_no_result_names_a_user_or_a_folder() -> None:
    assert "/home/" not in PAGE
    assert "/tmp/" not in PAGE
