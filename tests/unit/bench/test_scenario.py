"""Scenarios say how long they take."""

from headrace.bench.scenario import Finding, Plan, Scenario


def test_more_runs_take_longer() -> None:
    scenario = Scenario("idle", "Nothing", 2.0, 3.0, lambda plan, progress: Finding(()))
    assert scenario.expected_seconds(Plan(runs=1)) == 5.0
    assert scenario.expected_seconds(Plan(runs=5)) == 17.0
