import pytest
from tests.support.bench_windows import window

from headrace.bench.scenarios.channels import COUNTS, Channels, figures_of, series_of


@pytest.mark.parametrize(("cores", "is_met"), [(0.8, True), (0.9, False)])
def test_the_most_channels_have_a_goal(cores: float, is_met: bool) -> None:
    few, many = (Channels(count, [window(cores)], [window(0.1)]) for count in (1, COUNTS[-1]))
    assert figures_of(few)[0].goal is None
    assert figures_of(many)[0].is_met is is_met


def test_a_packet_that_is_lost_is_seen() -> None:
    cores, lost = figures_of(Channels(1, [window(0.1, missing=2), window(0.2), window(0.2)], []))
    assert cores.baseline is None
    assert lost.values == (2, 0, 0)
    assert lost.is_met


def test_a_line_is_the_medians_and_a_relay_that_is_not_there_has_none() -> None:
    found = [Channels(count, [window(0.1), window(0.3), window(0.2)], []) for count in (1, 50)]
    (line,) = series_of(found)
    assert (line.x, line.y) == ((1, 50), (0.2, 0.2))
