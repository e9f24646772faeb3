import sys

import pytest

from headrace.bench.load import LoadCounts, Window
from headrace.bench.results import Figure
from headrace.bench.scenario import Plan
from headrace.bench.scenarios.fanout import COUNTS, SCENARIO, Fanout, linearity, measure_fanout


def fanout(subscribers: int, cores: float) -> Fanout:
    window = Window(cores, 0, 0.1, 0, LoadCounts(0, 0, 0, 0, 0, 0))
    return Fanout(subscribers, {"Headrace": [window]})


@pytest.mark.parametrize(("cores", "is_met"), [(0.5, True), (0.6, False)])
def test_cost_is_linear_when_a_packet_costs_the_same_with_many_as_with_few(cores: float, is_met: bool) -> None:
    (figure,) = linearity([fanout(10, 0.1), fanout(COUNTS[2], 0.1), fanout(COUNTS[-1], cores)])
    assert figure.is_met is is_met


@pytest.mark.skipif(sys.platform != "linux", reason="the load needs Linux")
def test_broker_and_relays_are_measured_in_the_short_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headrace.bench.scenarios.fanout.QUICK_COUNTS", (5,))
    said: list[str] = []
    finding = measure_fanout(Plan(runs=1, is_quick=True), said.append)
    assert said == ["5 subscribers"]
    of_five = [figure for figure in finding.figures if figure.name == "cores for 5 subscribers"]
    assert {baseline_name(figure) for figure in of_five} >= {"Python, sendto loop"}
    assert all(0 < figure.values[0] < 2 for figure in of_five)
    (lost,) = [figure for figure in finding.figures if figure.name == "packets lost by 5 subscribers"]
    assert lost.values == (0.0,)
    assert {len(line.x) for line in finding.series} == {1}
    assert SCENARIO.name == "fanout"


def baseline_name(figure: Figure) -> str:
    assert figure.baseline is not None
    return figure.baseline.name
