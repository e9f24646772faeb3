"""What scenarios found, as small values: several runs of a figure, its baseline in the same runs, and its goal.

They go to JSON and back without loss, so that a table, a page and plots can be made again without measuring.
"""

import json
import statistics
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, NamedTuple

from headrace.base.errors import HeadraceError
from headrace.bench.machine import MachineFacts

FORMAT: Final = 1
"""Of the JSON document; another number means other names or meanings."""


class ResultsError(HeadraceError):
    """A JSON document holds no results that we can read."""


class Spread(NamedTuple):
    """Minimum, median and maximum of several runs."""

    minimum: float
    median: float
    maximum: float


def spread_of(values: tuple[float, ...]) -> Spread:
    """Return the spread of at least one value."""
    return Spread(min(values), statistics.median(values), max(values))


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a figure is compared with.

    Attributes:
        name: What was measured instead.
        values: In the unit of the figure; ``values[i]`` was measured beside the figure's ``values[i]``.
    """

    name: str
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Goal:
    """What is to be reached, by the median of the runs.

    Attributes:
        limit: In the figure's unit, or without a unit if it is for the ratio.
        at_least: Whether more is better; else the limit is not to be passed.
        of_ratio: Whether it is the ratio to the baseline that counts.
    """

    limit: float
    at_least: bool = False
    of_ratio: bool = False


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a plot.

    Attributes:
        plot: Title of the plot; series of one scenario with the same title are drawn together.
        name: What the line is.
        x_label: Quantity and unit.
        y_label: Quantity and unit.
        x: As many as ``y``.
        y: Medians, where there were several runs.
    """

    plot: str
    name: str
    x_label: str
    y_label: str
    x: tuple[float, ...]
    y: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.x) != len(self.y):
            raise ValueError(f"series {self.name} has {len(self.x)} x values and {len(self.y)} y values")


@dataclass(frozen=True, slots=True)
class Figure:
    """One quantity that was measured in several runs.

    Attributes:
        name: What it is, with the conditions: "cores for 100 subscribers".
        unit: Of the values: "cores", "ms", "packets/s"; empty for a count or a share.
        values: One for each run, at least one.
        baseline: What was measured beside it, if anything.
        goal: What is to be reached, if anything.
        notes: What a reader has to know: "the load was the limit".
    """

    name: str
    unit: str
    values: tuple[float, ...]
    baseline: Baseline | None = None
    goal: Goal | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError(f"figure {self.name} has no value")
        if self.baseline is not None and len(self.baseline.values) != len(self.values):
            raise ValueError(f"figure {self.name} and its baseline were not measured equally often")
        if self.goal is not None and self.goal.of_ratio and self.baseline is None:
            raise ValueError(f"figure {self.name} has a goal for its ratio, but no baseline")

    @property
    def spread(self) -> Spread:
        """Of the values."""
        return spread_of(self.values)

    @property
    def ratio(self) -> Spread | None:
        """Of each value to the baseline's value of the same run; None without a baseline.

        Each pair is divided by itself, so that what else the machine did falls on both sides.
        """
        if self.baseline is None or not all(self.baseline.values):
            return None
        return spread_of(tuple(a / b for a, b in zip(self.values, self.baseline.values, strict=True)))

    @property
    def is_met(self) -> bool | None:
        """Whether the goal is reached; None without a goal, or if the ratio cannot be had."""
        if self.goal is None:
            return None
        spread = self.ratio if self.goal.of_ratio else self.spread
        if spread is None:
            return None
        return spread.median >= self.goal.limit if self.goal.at_least else spread.median <= self.goal.limit


@dataclass(frozen=True, slots=True)
class ScenarioResult:
    """What one scenario found.

    Attributes:
        name: As the command line calls it.
        title: What was measured, in some words.
        figures: Rows of its table.
        series: Lines of its plots.
        notes: About the whole scenario.
        skipped: What this machine lacks for it; empty if nothing.
        failure: What went wrong; empty if nothing did.
        seconds: How long it took.
    """

    name: str
    title: str
    figures: tuple[Figure, ...] = ()
    series: tuple[Series, ...] = ()
    notes: tuple[str, ...] = ()
    skipped: str = ""
    failure: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class BenchResults:
    """What one call of ``headrace bench`` found.

    Attributes:
        machine: What the figures depend on.
        runs: Runs of each figure.
        is_quick: Whether the short form was run, whose figures are rough.
        scenarios: In the order in which they ran.
    """

    machine: MachineFacts
    runs: int
    is_quick: bool
    scenarios: tuple[ScenarioResult, ...]


def encode_results(results: BenchResults) -> str:
    """Return a JSON document."""
    return json.dumps({"format": FORMAT, **asdict(results)}, indent=1) + "\n"


def decode_results(document: str) -> BenchResults:
    """Return what `encode_results` was given.

    Raises:
        ResultsError: It is no JSON, of another format, or not as we write it.
    """
    try:
        tree = json.loads(document)
        if not isinstance(tree, dict) or tree.get("format") != FORMAT:
            raise ResultsError(
                "these are no results of 'headrace bench' of this version: measure again with --json"
            )
        return BenchResults(
            machine=MachineFacts(**tree["machine"]),
            runs=tree["runs"],
            is_quick=tree["is_quick"],
            scenarios=tuple(_scenario(one) for one in tree["scenarios"]),
        )
    except (ValueError, TypeError, KeyError) as error:
        raise ResultsError(
            f"these are no results of 'headrace bench': {error}: measure again with --json"
        ) from None


def _scenario(tree: Mapping[str, Any]) -> ScenarioResult:
    return ScenarioResult(
        **{
            **tree,
            "figures": tuple(_figure(one) for one in tree["figures"]),
            "series": tuple(
                Series(**{**one, "x": tuple(one["x"]), "y": tuple(one["y"])}) for one in tree["series"]
            ),
            "notes": tuple(tree["notes"]),
        }
    )


def _figure(tree: Mapping[str, Any]) -> Figure:
    return Figure(
        **{
            **tree,
            "values": tuple(tree["values"]),
            "baseline": _optional(_baseline, tree["baseline"]),
            "goal": _optional(lambda goal: Goal(**goal), tree["goal"]),
            "notes": tuple(tree["notes"]),
        }
    )


def _baseline(tree: Mapping[str, Any]) -> Baseline:
    return Baseline(tree["name"], tuple(tree["values"]))


def _optional(decode: Callable[[Mapping[str, Any]], Any], tree: Mapping[str, Any] | None) -> Any:
    return None if tree is None else decode(tree)
