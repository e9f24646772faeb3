import pytest

from headrace.bench.load import LoadCounts, Window
from headrace.bench.scenario import Plan
from headrace.bench.scenarios import flood
from headrace.bench.scenarios.flood import Flood


def seen(missing: int = 0, after_mb: float = 70.0) -> Flood:
    calm = Window(0.2, 0.0, 0.3, 0.0, LoadCounts(1000, 1000, 0, 0, 0, 0))
    flooded = Window(0.5, 0.0, 0.6, 0.0, LoadCounts(1000, 1000 - missing, 0, 0, 0, 0))
    return Flood(calm, flooded, 100_000, 20_000_000, 1_000_000, 70.0, after_mb, 2.0)


def test_a_datagram_costs_what_the_flood_adds() -> None:
    assert seen().us_a_datagram == pytest.approx(1e6 * 0.3 / 50_000)


@pytest.mark.parametrize(
    ("missing", "after_mb", "met"), [(0, 73.5, [True, True]), (1, 73.5, [False, True]), (0, 73.6, [True, False])]
)
def test_a_lost_packet_and_grown_memory_miss_the_goals(
    monkeypatch: pytest.MonkeyPatch, missing: int, after_mb: float, met: list[bool]
) -> None:
    monkeypatch.setattr(flood, "measure_flood_once", lambda *_: seen(missing, after_mb))
    said: list[str] = []
    finding = flood.measure_flood(Plan(runs=2), said.append)
    assert [figure.is_met for figure in finding.figures if figure.goal is not None] == met
    assert all(len(figure.values) == 2 for figure in finding.figures)
    assert len(said) == 2


def test_it_floods_for_a_minute_and_in_short_for_some_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []

    def measure(*arguments: object) -> Flood:
        asked.append(arguments)
        return seen()

    monkeypatch.setattr(flood, "measure_flood_once", measure)
    for is_quick in (False, True):
        flood.measure_flood(Plan(runs=1, is_quick=is_quick), lambda line: None)
    assert [arguments[:3] for arguments in asked] == [(100, 50_000, 60.0), (100, 50_000, 5.0)]
