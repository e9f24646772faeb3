"""Results of a bench that nobody has to run."""

from headrace.bench.machine import MachineFacts
from headrace.bench.results import Baseline, BenchResults, Figure, Goal, ScenarioResult, Series

MACHINE = MachineFacts("a core", 2, "Linux 6.1", "CPython 3.11.2", "2.2.0", "0.1.0", "performance", "all it has")


def bench_results() -> BenchResults:
    """Return one scenario with everything, one that was skipped and one that failed."""
    figure = Figure(
        "cores for 100 subscribers",
        "cores",
        (0.03, 0.034, 0.036),
        baseline=Baseline("C, a loop of sendto", (0.06, 0.05, 0.06)),
        goal=Goal(0.65, of_ratio=True),
        notes=("the load was the limit",),
    )
    series = Series("Cost: subscribers", "Headrace", "subscribers", "cores", (10.0, 100.0), (0.004, 0.034))
    fan_out = ScenarioResult("fanout", "One channel to many", (figure,), (series,), ("pinned",), seconds=31.5)
    return BenchResults(
        MACHINE,
        runs=3,
        is_quick=False,
        scenarios=(
            fan_out,
            ScenarioResult("send", "The send path", skipped="no compiler"),
            ScenarioResult("start", "Start", failure="OSError: no such file"),
        ),
    )
