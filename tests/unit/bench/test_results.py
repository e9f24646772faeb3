"""Results: ratios of pairs, goals, and JSON both ways."""

import json

import pytest
from tests.support.bench_results import bench_results

from headrace.bench.results import (
    Baseline,
    Figure,
    Goal,
    ResultsError,
    Series,
    decode_results,
    encode_results,
)


def test_results_come_back_from_json_as_they_were() -> None:
    assert decode_results(encode_results(bench_results())) == bench_results()


@pytest.mark.parametrize("document", ["", "[]", "{}", '{"format": 1}', '{"format": 0}'])
def test_what_is_no_result_is_refused_with_what_to_do(document: str) -> None:
    with pytest.raises(ResultsError, match="measure again"):
        decode_results(document)


def test_a_name_that_we_do_not_know_is_refused() -> None:
    tree = json.loads(encode_results(bench_results()))
    tree["scenarios"][0]["figures"][0]["colour"] = "red"
    with pytest.raises(ResultsError, match="colour"):
        decode_results(json.dumps(tree))


def test_a_spread_is_minimum_median_and_maximum() -> None:
    assert Figure("p50", "ms", (3.0, 1.0, 2.0)).spread == (1.0, 2.0, 3.0)


def test_a_ratio_is_that_of_each_pair_not_of_the_medians() -> None:
    # The machine was twice as slow in the second run, for both sides.
    figure = Figure("cost", "us", (1.0, 2.0, 1.2), baseline=Baseline("C", (2.0, 4.0, 2.0)))
    assert figure.ratio == (0.5, 0.5, 0.6)


def test_without_a_baseline_that_is_not_nought_there_is_no_ratio() -> None:
    assert Figure("cost", "us", (1.0,)).ratio is None
    nought = Figure("cost", "us", (1.0,), baseline=Baseline("C", (0.0,)), goal=Goal(1, of_ratio=True))
    assert nought.ratio is None
    assert nought.is_met is None


@pytest.mark.parametrize(
    ("goal", "is_met"),
    [
        (None, None),
        (Goal(2.0), True),
        (Goal(1.9), False),
        (Goal(2.0, at_least=True), True),
        (Goal(2.1, at_least=True), False),
        (Goal(0.5, of_ratio=True), True),
        (Goal(0.49, of_ratio=True), False),
        (Goal(0.51, at_least=True, of_ratio=True), False),
    ],
)
def test_a_goal_is_met_by_the_median(goal: Goal | None, is_met: bool | None) -> None:
    assert Figure("cost", "us", (9.0, 2.0, 1.0), Baseline("C", (1.0, 4.0, 4.0)), goal).is_met is is_met


def test_figures_that_say_nothing_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="no value"):
        Figure("cost", "us", ())
    with pytest.raises(ValueError, match="equally often"):
        Figure("cost", "us", (1.0, 2.0), Baseline("C", (1.0,)))
    with pytest.raises(ValueError, match="no baseline"):
        Figure("cost", "us", (1.0,), goal=Goal(0.5, of_ratio=True))
    with pytest.raises(ValueError, match="2 x values and 1 y"):
        Series("plot", "line", "x", "y", (1.0, 2.0), (1.0,))
