"""Figures in words and digits, the same in a terminal and on a page."""

from headrace.bench.results import Figure, Goal, ScenarioResult, Spread, spread_of


def number_text(value: float) -> str:
    """Return a value with three or four digits that mean something, as people write it."""
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    for limit, digits in (100, 0), (10, 1), (1, 2), (0.1, 3):
        if size >= limit:
            return f"{value:.{digits}f}"
    return "0" if value == 0 else f"{value:.4f}"


def spread_text(spread: Spread) -> str:
    """Return minimum, median and maximum."""
    return " / ".join(number_text(value) for value in spread)


def values_text(figure: Figure) -> str:
    """Return the spread of the figure with its unit."""
    return f"{spread_text(figure.spread)} {figure.unit}".rstrip()


def baseline_text(figure: Figure) -> str:
    """Return what the figure is compared with, and its median; empty if with nothing."""
    if figure.baseline is None:
        return ""
    return f"{figure.baseline.name}: {number_text(spread_of(figure.baseline.values).median)}"


def ratio_text(figure: Figure) -> str:
    """Return the spread of the ratio to the baseline; empty where there is none."""
    return "" if figure.ratio is None else spread_text(figure.ratio)


def goal_text(goal: Goal | None) -> str:
    """Return what is to be reached; empty if nothing is."""
    if goal is None:
        return ""
    return f"{'ratio ' if goal.of_ratio else ''}{'>=' if goal.at_least else '<='} {number_text(goal.limit)}"


def verdict_text(figure: Figure) -> str:
    """Return whether the goal is reached; empty where there is none."""
    return {True: "met", False: "missed", None: ""}[figure.is_met]


def remarks(scenario: ScenarioResult) -> list[str]:
    """Return what has to be said of a whole scenario beside its figures."""
    said = list(scenario.notes)
    if scenario.skipped:
        said.append(f"skipped: {scenario.skipped}")
    if scenario.failure:
        said.append(f"failed: {scenario.failure}")
    return said
