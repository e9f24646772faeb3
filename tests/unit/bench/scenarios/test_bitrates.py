from tests.support.bench_windows import window

from headrace.bench.rivals import BROKER, C_LOOP
from headrace.bench.scenarios.bitrates import Rate, figures_of, series_of
from headrace.bench.stream import StreamShape


def rate(packets: int, *missing: int) -> Rate:
    made = Rate(StreamShape(packets, packets), 100, [BROKER, C_LOOP])
    made.windows = {BROKER: [window(0.2, missing=lost) for lost in missing], C_LOOP: [window(0.4)] * len(missing)}
    return made


def test_a_rate_has_its_cores_beside_the_c_loop_and_its_losses() -> None:
    cores, lost = figures_of(rate(158, 0, 0, 7))
    assert cores.name == "cores for 100 subscribers of 50 Mbit/s"
    assert cores.ratio is not None
    assert cores.ratio.median == 0.5
    assert lost.values == (0, 0, 7)
    assert lost.is_met


def test_a_line_is_over_the_bit_rates() -> None:
    own, other = series_of([rate(8, 0), rate(158, 0)])
    assert [round(x, 1) for x in own.x] == [2.5, 49.9]
    assert (own.y, other.y) == ((0.2, 0.2), (0.4, 0.4))
