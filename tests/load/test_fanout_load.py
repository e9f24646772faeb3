"""The load bench in small: real sockets and processes, so only what no machine is too slow for is asserted."""

import statistics
from pathlib import Path

import pytest
from bench.fanout_load import (
    FRAMES_PER_SECOND,
    PACKETS_PER_FRAME,
    LoadPlan,
    measure_fanout_load,
    print_fanout_load,
)
from tests.support.ports import free_udp_port

WINDOW_SECONDS = 1.0


def test_sixty_subscribers_get_every_packet_and_the_broker_stays_cool(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    load = measure_fanout_load(free_udp_port(), tmp_path, LoadPlan(60, 2, WINDOW_SECONDS))
    assert load.sent_packets >= 2 * WINDOW_SECONDS * FRAMES_PER_SECOND * PACKETS_PER_FRAME
    assert load.complete_subscribers == load.subscribers == 60
    assert len(load.core_shares) == 2
    # Some 8 % where the 300 take 20.
    assert statistics.median(load.core_shares) < 0.6
    assert 10 < load.acks_per_second < 150
    assert load.ackacks_per_second > 1
    assert load.delays_us
    print_fanout_load(load)
    assert "60 of 60 subscribers got every one" in capsys.readouterr().out
