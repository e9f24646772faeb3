"""Scenarios of the bench in their short form, so no figure is asserted: they are the machine's as much as ours."""

import sys
from types import ModuleType

import pytest

from headrace.bench.scenario import Plan
from headrace.bench.scenarios import bitrates, browsers, channels, fanout, flood, latency, lossy_producer, memory

MAY_BE_NOTHING = {"processor time for a datagram of the flood"}
"""Differences of two windows, of which a busy machine may make the first one the dearer."""

pytestmark = [pytest.mark.long, pytest.mark.skipif(sys.platform != "linux", reason="the load needs Linux")]


@pytest.mark.parametrize(
    ("module", "constants"),
    [
        (bitrates, {"QUICK_FRAME_PACKETS": (8,)}),
        (browsers, {"QUICK_COUNTS": (5,), "QUICK_MANY": 25}),
        (channels, {"QUICK_COUNTS": (3,), "QUICK_RECEIVING": 3}),
        (fanout, {"QUICK_COUNTS": (5,)}),
        (flood, {"QUICK_FLOOD_SECONDS": 1.0, "QUICK_FULL_SECONDS": 1.0, "DATAGRAMS_PER_SECOND": 5_000}),
        (latency, {}),
        (lossy_producer, {}),
        (memory, {}),
    ],
)
def test_a_scenario_finds_its_figures(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, constants: dict[str, object]
) -> None:
    for name, value in constants.items():
        monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(module, "QUICK_WINDOW_SECONDS", 0.4, raising=False)
    said: list[str] = []
    finding = module.SCENARIO.measure(Plan(runs=1, is_quick=True), said.append)
    assert said
    assert finding.figures
    for figure in finding.figures:
        assert len(figure.values) == 1
        if figure.unit in {"cores", "ms", "us", "MB"} and figure.name not in MAY_BE_NOTHING:
            assert figure.values[0] > 0
