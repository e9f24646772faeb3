"""The page of figures: places are filled, what people wrote stays."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.bench_results import bench_results

from headrace.bench.page import PageError, fill_page, redraw_page
from headrace.bench.results import decode_results

TEXT = """# Performance

By hand: why it is so.

<!-- bench: goals -->
old
<!-- end -->
<!-- bench: fanout -->
<!-- end -->
By hand: what is missed.
<!-- bench: send -->
<!-- end -->
<!-- bench: other -->
stays
<!-- end -->
<!-- bench: machine -->
<!-- end -->
"""


def test_places_are_filled_and_everything_else_stays() -> None:
    page = fill_page(TEXT, bench_results())
    assert "old" not in page
    assert "By hand: why it is so.\n" in page
    assert "By hand: what is missed.\n" in page
    assert "<!-- bench: other -->\nstays\n<!-- end -->" in page
    assert "| [fanout](#fanout) | cores for 100 subscribers | 0.0300 / 0.0340 / 0.0360 cores |" in page
    assert "![Cost: subscribers](performance/cost-subscribers.svg)" in page
    assert "- pinned\n" in page
    assert "- skipped: no compiler\n" in page
    assert "| processor | a core |" in page


def test_filling_a_page_again_changes_nothing() -> None:
    page = fill_page(TEXT, bench_results())
    assert fill_page(page, bench_results()) == page


def test_a_bar_in_a_cell_ends_no_cell() -> None:
    results = bench_results()
    machine = replace(results.machine, processor="one | two")
    assert "| processor | one \\| two |\n" in fill_page(TEXT, replace(results, machine=machine))


def test_plots_and_results_lie_beside_the_page(tmp_path: Path) -> None:
    (tmp_path / "performance.md").write_text(TEXT)
    redraw_page(tmp_path, bench_results())
    assert decode_results((tmp_path / "performance/results.json").read_text()) == bench_results()
    assert (tmp_path / "performance/cost-subscribers.svg").read_text().startswith("<svg")
    assert (tmp_path / "performance.md").read_text() == fill_page(TEXT, bench_results())


def test_a_folder_without_the_page_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PageError, match="--docs names the folder"):
        redraw_page(tmp_path, bench_results())
