import shutil
import sys
from pathlib import Path

import pytest

from headrace.bench.rivals import (
    BROKER,
    C_LOOP,
    EAGER_BROKER,
    PYTHON_LOOP,
    compiled_loop,
    measure_in_turns,
    rivals,
)
from headrace.bench.stage import stage
from headrace.bench.stream import StreamShape, make_stream

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the load needs Linux")


@pytest.mark.long
def test_broker_and_relays_forward_every_packet_in_turns() -> None:
    with stage() as on, compiled_loop() as (c_loop, notes):
        assert bool(notes) == (c_loop is None) == (shutil.which("cc") is None)
        with rivals(on, make_stream(StreamShape(2, 3)), 3, c_loop, with_delays=True) as found:
            assert found.keys() - {C_LOOP} == {BROKER, EAGER_BROKER, PYTHON_LOOP}
            for name, rival in found.items():
                counts = measure_in_turns(found, name, 0.2).counts
                assert counts.due_packets > 0
                assert counts.missing_packets == 0
                rows, indices, delays_us = rival.delays.take()
                assert sorted(set(rows.tolist())) == [0, 1, 2]
                assert len(indices) == counts.received_packets + counts.duplicate_packets
                assert delays_us.min() > 0


def test_without_a_compiler_there_is_no_c_loop_and_a_note(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with compiled_loop() as (c_loop, notes):
        assert c_loop is None
        assert "no C compiler" in notes[0]
