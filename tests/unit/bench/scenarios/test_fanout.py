import pytest
from tests.support.bench_windows import window

from headrace.bench.rivals import BROKER, C_LOOP, PYTHON_LOOP
from headrace.bench.scenarios.fanout import COUNTS, Fanout, figures_of, linearity, series_of


def fanout(subscribers: int, cores: float) -> Fanout:
    return Fanout(subscribers, {BROKER: [window(cores)]})


@pytest.mark.parametrize(("cores", "is_met"), [(0.5, True), (0.6, False)])
def test_cost_is_linear_when_a_packet_costs_the_same_with_many_as_with_few(cores: float, is_met: bool) -> None:
    (figure,) = linearity([fanout(10, 0.1), fanout(COUNTS[2], 0.1), fanout(COUNTS[-1], cores)])
    assert figure.is_met is is_met


def test_each_relay_is_beside_the_broker_and_a_lost_packet_is_seen() -> None:
    found = Fanout(100, {BROKER: [window(0.03, missing=1)], C_LOOP: [window(0.05)], PYTHON_LOOP: [window(0.2)]})
    beside_c, beside_python, lost = figures_of(found)
    assert beside_c.ratio is not None
    assert (beside_c.ratio.median, beside_c.is_met) == (0.6, True)
    assert beside_python.is_met
    assert (lost.values, lost.is_met) == ((1,), False)


def test_a_line_is_over_the_numbers_of_subscribers() -> None:
    (line,) = series_of([fanout(10, 0.1), fanout(100, 0.2)])
    assert (line.x, line.y) == ((10, 100), (0.1, 0.2))
