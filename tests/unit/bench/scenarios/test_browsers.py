import pytest
from tests.support.bench_windows import window

from headrace.bench.load import Window, too_many
from headrace.bench.scenario import Plan
from headrace.bench.scenarios import browsers
from headrace.bench.scenarios.browsers import (
    COUNTS,
    LADDER,
    LOOP,
    Watched,
    figures_of,
    measure_browsers,
    series_of,
)


def watched(viewers: int, cores: float, *, missing: int = 0) -> Watched:
    return Watched(viewers, 270.0, [window(cores, missing=missing)], [window(2 * cores)])


def test_the_loop_is_beside_each_figure_and_a_lost_packet_is_seen() -> None:
    cores, rate, lost = figures_of(watched(100, 0.2, missing=1))
    assert cores.ratio is not None
    assert rate.ratio is not None
    assert (cores.ratio.median, rate.ratio.median) == (0.5, 2.0)
    assert rate.values == (100 * 270 / 0.2,)
    assert (lost.values, lost.is_met) == ((1,), False)


def test_there_is_a_line_of_the_broker_and_one_of_the_loop() -> None:
    own, loop = series_of([watched(10, 0.1), watched(100, 0.2)])
    assert (own.x, own.y) == ((10, 100), (0.1, 0.2))
    assert (loop.name, loop.y) == (LOOP, (0.2, 0.4))


@pytest.mark.parametrize(
    ("seen", "most", "said"),
    [
        ({LADDER[1]: window(0.9, missing=5)}, LADDER[0], f"{LADDER[1]} were too many: 5 packets lost, 0.90 cores"),
        ({LADDER[0]: window(0.97)}, COUNTS[-1], f"{LADDER[0]} were too many: 0 packets lost, 0.97 cores"),
        ({}, LADDER[-1], ""),
    ],
)
def test_viewers_are_added_until_one_loses_a_packet_or_the_core_is_full(
    monkeypatch: pytest.MonkeyPatch, seen: dict[int, Window], most: int, said: str
) -> None:
    def try_many(on: object, viewers: int) -> tuple[Window | None, str]:
        tried = seen.get(viewers, window(0.5))
        return tried, too_many(viewers, tried)

    monkeypatch.setattr(browsers, "measure_one", lambda on, viewers, plan: watched(viewers, 0.3))
    monkeypatch.setattr(browsers, "_try_many", try_many)
    monkeypatch.setattr(browsers, "resident_mb", lambda on, viewers, seconds: 100 + 0.1 * viewers)
    *_, found, carried, memory = measure_browsers(Plan(runs=2), lambda line: None).figures
    assert found.values == (most,)
    assert found.notes == ((said,) if said else ())
    assert carried.name.startswith(f"encrypted packets a second to {most} viewers")
    assert carried.values[0] == pytest.approx(most * 270.5, rel=1e-6)
    assert memory.values == pytest.approx((100.0, 100.0))
