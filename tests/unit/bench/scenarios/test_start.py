"""The scenario of starting."""

import sys
from pathlib import Path

import pytest

from headrace.bench.loopback_port import LoadError
from headrace.bench.scenario import Plan
from headrace.bench.scenarios import start
from headrace.bench.scenarios.start import measure_start, run_ms, serving_ms


def test_all_are_measured_beside_what_python_takes_itself() -> None:
    said: list[str] = []
    helps, serves, ready = measure_start(Plan(runs=1, is_quick=True), said.append).figures
    for figure in (helps, serves, ready):
        assert figure.baseline is not None
        assert figure.baseline.values[0] > 0
        assert 0 < figure.values[0] < 60_000
    assert said == ["headrace --help", "headrace serve"]


def test_a_broker_that_does_not_listen_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "_HEADRACE", (sys.executable, "-c", "pass"))
    with pytest.raises(LoadError, match="ended before"):
        serving_ms(tmp_path)


def test_a_command_takes_its_time(tmp_path: Path) -> None:
    assert run_ms([sys.executable, "-c", "import time; time.sleep(0.2)"], tmp_path) >= 200
