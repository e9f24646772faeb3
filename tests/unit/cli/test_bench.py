"""``headrace bench`` without anything that takes long."""

from pathlib import Path

import pytest
from tests.support.bench_results import bench_results

from headrace.bench.results import Figure, decode_results, encode_results
from headrace.bench.runner import UnknownScenarioError
from headrace.bench.scenario import Finding, Plan, Progress, Scenario, ScenarioSkipped
from headrace.cli.bench import BenchFailedError, bench


def quick_one(plan: Plan, progress: Progress) -> Finding:
    return Finding((Figure("cost", "us", (1.0,) * plan.runs),))


def lacking(plan: Plan, progress: Progress) -> Finding:
    raise ScenarioSkipped("no compiler")


@pytest.fixture(autouse=True)
def scenarios(monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue = (Scenario("one", "The first", 60, 30, quick_one), Scenario("two", "Another", 1, 1, lacking))
    monkeypatch.setattr("headrace.bench.runner.SCENARIOS", catalogue)


def test_all_are_measured_shown_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench(runs=2, json_path=tmp_path / "results.json")
    written = decode_results((tmp_path / "results.json").read_text())
    assert [scenario.name for scenario in written.scenarios] == ["one", "two"]
    assert written.scenarios[0].figures[0].values == (1.0, 1.0)
    out, err = capsys.readouterr()
    assert "1.00 / 1.00 / 1.00 us" in out
    assert "two: skipped: no compiler" in out
    assert "2 scenarios, 2 runs each: 2 min, about" in err
    assert "one: The first" in err


def test_some_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench(names=["one"], quick=True, json_path=tmp_path / "results.json")
    written = decode_results((tmp_path / "results.json").read_text())
    assert (len(written.scenarios), written.is_quick) == (1, True)
    with pytest.raises(UnknownScenarioError, match="one, two"):
        bench(names=["three"])


def test_they_are_listed_without_measuring(capsys: pytest.CaptureFixture[str]) -> None:
    bench(list_only=True)
    assert capsys.readouterr().out == "one          The first\ntwo          Another\n"


def test_a_page_is_redrawn_from_results_and_what_failed_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "earlier.json").write_text(encode_results(bench_results()))
    (tmp_path / "performance.md").write_text("<!-- bench: fanout -->\n<!-- end -->\n")
    with pytest.raises(BenchFailedError, match="start"):
        bench(source=tmp_path / "earlier.json", docs=tmp_path)
    assert "cores for 100 subscribers" in (tmp_path / "performance.md").read_text()
