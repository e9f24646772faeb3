import os
import sys
import time
from pathlib import Path

import pytest

from headrace.bench.loopback_port import LoadError
from headrace.bench.measured_process import BrokerProcess, MeasuredProcess, read_core_time
from headrace.bench.stage import free_port

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="proc(5)")


def test_the_time_of_every_thread_counts() -> None:
    before = read_core_time(os.getpid()).ran_seconds
    deadline = time.process_time() + 0.05
    while time.process_time() < deadline:
        pass
    assert read_core_time(os.getpid()).ran_seconds - before >= 0.045


def test_a_process_is_on_its_core_and_has_memory_and_files(tmp_path: Path) -> None:
    core = min(os.sched_getaffinity(0))
    with MeasuredProcess(["sleep", "60"], tmp_path / "log", core) as process:
        assert process.is_running
        assert process.core_time.ran_seconds < 5
        give_up_at = time.monotonic() + 20
        while process.rss_bytes < 500_000:  # it has hardly begun
            assert time.monotonic() < give_up_at
            time.sleep(0.001)
        assert process.open_files >= 3
    assert not process.is_running
    with pytest.raises(LoadError, match="ended"):
        _ = process.core_time


def test_a_process_does_nothing_while_it_is_suspended_and_goes_on_afterwards(tmp_path: Path) -> None:
    with MeasuredProcess([sys.executable, "-c", "while True: pass"], tmp_path / "log") as process:
        with process.suspended():
            state = Path(f"/proc/{process._process.pid}/stat")
            give_up_at = time.monotonic() + 20
            while " T " not in state.read_text():
                assert time.monotonic() < give_up_at
                time.sleep(0.001)
            before = process.core_time.ran_seconds
            time.sleep(0.1)
            assert process.core_time.ran_seconds == before
        while process.core_time.ran_seconds == before:
            assert time.monotonic() < give_up_at
            time.sleep(0.001)


def test_a_broker_writes_its_log_to_the_file(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with BrokerProcess(free_port(), log, "--log-json") as broker:
        give_up_at = time.monotonic() + 20
        while "fast_paths" not in log.read_text():
            assert broker.is_running
            assert time.monotonic() < give_up_at
            time.sleep(0.01)
