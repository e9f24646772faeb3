"""Figures in digits."""

import pytest
from tests.support.bench_results import bench_results

from headrace.bench.results import Figure, Goal
from headrace.bench.wording import (
    baseline_text,
    goal_text,
    number_text,
    ratio_text,
    remarks,
    values_text,
    verdict_text,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1_234_567.8, "1,234,568"),
        (123.45, "123"),
        (12.345, "12.3"),
        (1.2345, "1.23"),
        (0.12345, "0.123"),
        (0.012345, "0.0123"),
        (0, "0"),
        (-12.345, "-12.3"),
    ],
)
def test_a_number_has_the_digits_that_mean_something(value: float, text: str) -> None:
    assert number_text(value) == text


def test_a_figure_with_everything() -> None:
    figure = bench_results().scenarios[0].figures[0]
    assert values_text(figure) == "0.0300 / 0.0340 / 0.0360 cores"
    assert baseline_text(figure) == "C, a loop of sendto: 0.0600"
    assert ratio_text(figure) == "0.500 / 0.600 / 0.680"
    assert goal_text(figure.goal) == "ratio <= 0.650"
    assert verdict_text(figure) == "met"


def test_a_figure_with_nothing_but_values() -> None:
    figure = Figure("packets", "", (3.0,))
    assert values_text(figure) == "3.00 / 3.00 / 3.00"
    assert baseline_text(figure) == ratio_text(figure) == goal_text(None) == verdict_text(figure) == ""


def test_more_can_be_better() -> None:
    goal = Goal(1_500, at_least=True)
    assert goal_text(goal) == ">= 1,500"
    assert verdict_text(Figure("subscribers", "", (1_499.0,), goal=goal)) == "missed"


def test_what_was_skipped_or_failed_is_remarked() -> None:
    assert [remarks(scenario) for scenario in bench_results().scenarios] == [
        ["pinned"],
        ["skipped: no compiler"],
        ["failed: OSError: no such file"],
    ]
