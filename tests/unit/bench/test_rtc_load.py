"""The load against a whole broker on real sockets, in small."""

import sys

import pytest

from headrace.bench.load import measure_window
from headrace.bench.loopback_port import LoadError
from headrace.bench.scenarios.browsers import sealing_loop, watched_broker
from headrace.bench.stage import stage
from headrace.bench.stream import StreamShape

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the load needs Linux")


def test_every_viewer_of_a_broker_and_of_the_loop_gets_every_packet() -> None:
    shape = StreamShape(2, 4, 10)
    with stage() as on, watched_broker(on, shape, 3) as (broker, load):
        for _ in range(2):
            counts = measure_window(broker, load, (), seconds=0.4, warm_up_seconds=0.1).counts
            assert counts.due_packets > 0
            assert counts.due_packets % 3 == 0
            assert counts.missing_packets == counts.duplicate_packets == counts.shutdowns == 0
        assert load.viewers.received.opened_packets > 0
        assert load.viewers.answered_checks >= 3
        with sealing_loop(on, load.frames, 3) as (loop, plain):
            counts = measure_window(loop, plain, [load], seconds=0.6, warm_up_seconds=0.1).counts
            assert counts.due_packets > 0
            assert counts.missing_packets == 0
            assert plain.received.opened_packets > 0
        load.viewers.received.forged_packets += 1
        with pytest.raises(LoadError, match="not theirs"):
            load.turn()
        load.viewers.received.forged_packets = 0
