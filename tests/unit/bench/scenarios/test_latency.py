import numpy as np
import pytest
from tests.support.bench_windows import window

from headrace.bench.loopback_port import LoadError
from headrace.bench.rivals import BROKER, C_LOOP
from headrace.bench.scenarios.latency import Latencies, figures_of, series_of


def latencies(*delays_us: int) -> Latencies:
    made = Latencies()
    made.add(window(0.1), np.array(delays_us, np.int64))
    return made


@pytest.mark.parametrize(
    ("subscribers", "delay_us", "met"),
    [
        (100, 1_000, [True, True]),
        (100, 3_000, [False, True]),
        (1000, 16_000, [None, False]),
        (10, 90_000, [None, None]),
    ],
)
def test_each_percentile_has_its_goal(subscribers: int, delay_us: int, met: list[bool | None]) -> None:
    figures = figures_of(subscribers, {BROKER: latencies(delay_us), C_LOOP: latencies(500)})
    assert [figure.is_met for figure in figures] == met
    assert [figure.name for figure in figures] == [
        f"p{p} of packets to {subscribers} subscribers" for p in (50, 99)
    ]
    assert figures[0].values == (delay_us / 1000,)
    assert figures[0].baseline is not None
    assert figures[0].baseline.values == (0.5,)


def test_a_run_in_which_nothing_came_is_an_error_not_a_figure() -> None:
    with pytest.raises(LoadError, match="nothing came"):
        latencies()


def test_a_line_is_the_distribution() -> None:
    (line,) = series_of(100, {BROKER: latencies(*range(1_001))})
    assert (line.x[4], line.y[4]) == (0.5, 50)
    assert line.x == tuple(sorted(line.x))
