import gc
import subprocess
import sys
from pathlib import Path

import pytest

from headrace.bench.load import (
    LOOK_US,
    LoadCounts,
    Window,
    measure_window,
    notes_about,
    run_loads,
    without_garbage_collector,
)
from headrace.bench.loopback_port import LoadError
from headrace.bench.measured_process import MeasuredProcess
from headrace.netio.clock import now_us

NOTHING = LoadCounts(0, 0, 0, 0, 0, 0)
QUIET = Window(0.1, 0.01, 0.3, 0.01, NOTHING)


class FakeLoad:
    def __init__(self, frame_us: int = 1 << 62) -> None:
        self.turns = self.sent = self.shutdowns = 0
        self.is_flowing = False
        self.next_frame_us = frame_us

    def start(self) -> None:
        self.is_flowing = True

    def pause(self) -> None:
        self.is_flowing = False

    def turn(self) -> None:
        self.turns += 1
        self.sent += self.is_flowing

    def counts(self) -> LoadCounts:
        return LoadCounts(self.sent, max(0, self.sent - 1), 0, 0, 0, self.shutdowns)


def test_loads_live_for_as_long_as_they_are_to() -> None:
    loads = FakeLoad(), FakeLoad()
    start_us = now_us()
    run_loads(loads, 0.02)
    assert now_us() - start_us >= 20_000
    assert loads[0].turns == loads[1].turns > 1


def test_a_load_is_not_slept_over_when_a_frame_is_due() -> None:
    load = FakeLoad(frame_us=0)
    run_loads([load], 0.1)
    assert load.turns > 2 * 0.1e6 / LOOK_US


@pytest.mark.skipif(sys.platform != "linux", reason="proc(5)")
def test_a_window_has_the_time_of_the_process_and_what_the_load_counted(tmp_path: Path) -> None:
    load, idle = FakeLoad(), FakeLoad()
    busy = [sys.executable, "-c", "while True: pass"]
    with MeasuredProcess(busy, tmp_path / "log") as process:
        window = measure_window(process, load, [idle], seconds=0.3, warm_up_seconds=0.1)
        assert 0.02 < window.cores <= 1.1
        assert 0 <= window.waited_share < 1
        assert 0 < window.load_cores <= 1.1
        assert window.counts.due_packets == load.sent > 0
        assert window.counts.missing_packets == 1
        assert not load.is_flowing
        assert idle.turns
        process.stop()
        with pytest.raises(LoadError, match="ended"):
            measure_window(process, load, [idle], seconds=0.01, warm_up_seconds=0)


@pytest.mark.skipif(sys.platform != "linux", reason="proc(5)")
def test_peers_that_are_sent_away_spoil_a_window(tmp_path: Path) -> None:
    class Leaving(FakeLoad):
        def pause(self) -> None:
            super().pause()
            self.shutdowns = 2

    with (
        MeasuredProcess(["sh", "-c", "echo too many >&2; exec sleep 60"], tmp_path / "log") as process,
        pytest.raises(LoadError, match=r"2 peers were sent away .* last was heard: too many"),
    ):
        measure_window(process, Leaving(), (), seconds=0.01, warm_up_seconds=0)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (QUIET._replace(waited_share=0.2), "something else had the core: 20 % in 1 of 3 windows"),
        (QUIET._replace(load_waited_share=0.2), "something else had the load's core: 20 %"),
        (QUIET._replace(load_cores=0.95), "the load was the limit: 95 %"),
        (QUIET._replace(counts=NOTHING._replace(dropped_datagrams=3)), "the load was the limit: 3 datagrams"),
    ],
)
def test_what_spoils_the_figures_is_said(changed: Window, said: str) -> None:
    assert notes_about([QUIET, QUIET]) == ()
    (note,) = notes_about([QUIET, changed, QUIET])
    assert said in note


def test_the_garbage_collector_rests_and_goes_on() -> None:
    with without_garbage_collector():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_the_bench_measures_with_what_it_imports() -> None:
    code = "import headrace.bench.load, sys; sys.exit('av' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
