"""The list of scenarios."""

from headrace.bench.catalogue import SCENARIOS


def test_each_scenario_has_a_name_of_its_own() -> None:
    names = [scenario.name for scenario in SCENARIOS]
    assert len(set(names)) == len(names)
