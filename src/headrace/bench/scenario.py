"""What a scenario is: a name for the command line, how long it takes, and a function that measures.

A scenario is one module with a constant ``SCENARIO``, and stands in `headrace.bench.catalogue`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from headrace.base.errors import HeadraceError
from headrace.bench.results import Figure, Series

Progress: TypeAlias = Callable[[str], None]
"""Takes one line about what happens now."""


class ScenarioSkipped(HeadraceError):  # noqa: N818 - it is no error of anybody
    """This machine lacks what the scenario needs; the message says what."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a scenario is to be run.

    Attributes:
        runs: Values of each figure.
        is_quick: Whether rough figures will do: fewer steps, shorter windows.
    """

    runs: int = 5
    is_quick: bool = False


class Finding(NamedTuple):
    """What a scenario found.

    Attributes:
        figures: Rows of its table.
        series: Lines of its plots.
        notes: About the whole scenario.
    """

    figures: tuple[Figure, ...]
    series: tuple[Series, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scenario:
    """One thing that can be measured.

    Attributes:
        name: As the command line calls it.
        title: What is measured, in some words.
        fixed_seconds: It takes this long whatever the number of runs, about.
        seconds_a_run: And this long for each run.
        measure: Runs it; it raises `ScenarioSkipped` where the machine lacks something.
    """

    name: str
    title: str
    fixed_seconds: float
    seconds_a_run: float
    measure: Callable[[Plan, Progress], Finding]

    def expected_seconds(self, plan: Plan) -> float:
        """Return how long a full run takes, about; a quick one is shorter."""
        return self.fixed_seconds + self.seconds_a_run * plan.runs
