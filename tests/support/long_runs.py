"""What is too much for each run of the tests, and is left to ``make test-long``."""

import pytest
from _pytest.mark import ParameterSet


def only_long(*values: object, id: str | None = None) -> ParameterSet:  # noqa: A002  (pytest's name for it)
    """Return values of a parametrized test that only the long runs have."""
    return pytest.param(*values, id=id, marks=pytest.mark.long)


def seeds(usual: int, *, of: int) -> list[int | ParameterSet]:
    """Return the seeds below ``of``: every run has the first ``usual``, the long ones have the rest too."""
    return [*range(usual), *map(only_long, range(usual, of))]
