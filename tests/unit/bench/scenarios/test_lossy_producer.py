import pytest
from tests.support.bench_windows import window

from headrace.bench.scenarios.lossy_producer import figures_of


@pytest.mark.parametrize(("cores", "is_met"), [(0.5, True), (0.51, False)])
def test_loss_may_cost_a_quarter_more(cores: float, is_met: bool) -> None:
    figure = figures_of(1000, [window(0.4)], [window(cores)])[0]
    assert figure.is_met is is_met


def test_what_came_twice_late_and_never_is_told_apart() -> None:
    whole, lossy = window(0.4), window(0.4, missing=3, duplicates=4, recovered=5)
    _, twice, never, late = figures_of(1000, [whole], [lossy])
    assert (twice.values, never.values, late.values) == ((4,), (3,), (5,))
    assert twice.is_met is False
