"""The bench of added latency, short: its figures are the machine's as much as ours, so none is asserted."""

import itertools
import json
import math
import os
import socket
import time
from dataclasses import replace

import pytest
from bench.added_latency import (
    AddedLatency,
    LatencyPlan,
    LatencyWindow,
    Spread,
    complaints,
    measure_added_latency,
    print_added_latency,
    to_json,
)
from bench.latency_load import PACKETS_PER_FRAME, PAYLOAD_BYTES, StampedReceiver, frames, spread_over

from headrace.base.datagram_batch import DatagramBatch
from headrace.base.seqno import SEQNO_MASK
from headrace.mpegts.packet import decode_packet

QUIET = LatencyWindow(
    packets=Spread(1, 2, 3, 4),
    last_subscriber=Spread(1, 2, 3, 4),
    frames=Spread(1, 2, 3, 4),
    first_row_us=1,
    last_row_us=3,
    missing=0,
    core_share=0.1,
    waited_share=0.01,
    load_core_share=0.3,
    load_waited_share=0.01,
)


def latency_of(window: LatencyWindow) -> AddedLatency:
    return AddedLatency(10, 10, [QUIET, window, QUIET], [QUIET] * 3, "none")


def test_broker_and_relay_are_measured_at_every_subscriber(capsys: pytest.CaptureFixture[str]) -> None:
    cores = os.sched_getaffinity(0)
    plan = LatencyPlan(subscribers=10, windows=2, window_seconds=0.5)
    latency = measure_added_latency(plan)
    assert os.sched_getaffinity(0) == cores
    assert latency.sampled == 10
    assert len(latency.broker) == len(latency.relay) == 2
    for window in latency.broker + latency.relay:
        for spread in window.packets, window.last_subscriber, window.frames:
            assert 0 < spread.min_us <= spread.p50_us <= spread.p99_us <= spread.max_us
        assert window.packets.p50_us <= window.last_subscriber.p50_us
        assert window.last_subscriber.max_us == window.packets.max_us
        assert window.packets.min_us <= window.first_row_us
        assert window.core_share > 0
        assert window.load_core_share > 0
    print_added_latency(latency)
    assert "10 subscribers (10 measured)" in capsys.readouterr().out
    assert json.loads(json.dumps(to_json(latency, plan)))["machine"]["cores"] == os.cpu_count()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (replace(QUIET, waited_share=0.2), "broker's core"),
        (replace(QUIET, load_waited_share=0.2), "load's core"),
        (replace(QUIET, load_core_share=0.95), "the load itself was the limit"),
        (replace(QUIET, missing=2), "2 packets had not come"),
    ],
)
def test_what_spoils_the_figures_is_said(changed: LatencyWindow, said: str) -> None:
    assert complaints(latency_of(QUIET)) == []
    (complaint,) = complaints(latency_of(changed))
    assert said in complaint


@pytest.mark.parametrize(
    ("count", "sampled", "places"),
    [(10, 10, [*range(10)]), (1000, 3, [0, 500, 999]), (3, 100, [0, 1, 2]), (1, 1, [0])],
)
def test_those_who_are_sampled_are_spread_from_the_first_to_the_last(
    count: int, sampled: int, places: list[int]
) -> None:
    assert spread_over(count, sampled) == places


def test_every_frame_is_whole_transport_packets_in_as_many_full_payloads() -> None:
    for payloads in itertools.islice(frames(), 130):
        assert [len(payload) for payload in payloads] == [PAYLOAD_BYTES] * PACKETS_PER_FRAME
        pids = [decode_packet(p[at : at + 188]).pid for p in payloads for at in range(0, PAYLOAD_BYTES, 188)]
        assert len(pids) == 7 * PACKETS_PER_FRAME
        assert 1 <= pids.count(0x1FFF) <= 4


def test_the_first_arrival_of_a_packet_counts_across_the_wrap() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket(type=socket.SOCK_DGRAM) as sender:
        udp.bind(("127.0.0.1", 0))
        udp.setblocking(False)
        receiver = StampedReceiver(udp)
        before_us = time.time_ns() // 1000
        for seqno in SEQNO_MASK, 1, 1 << 31, 5:  # the third is a control packet
            sender.sendto(seqno.to_bytes(4, "big") + bytes(20), udp.getsockname())
        time_between_us = _wait_a_little()
        sender.sendto(SEQNO_MASK.to_bytes(4, "big") + bytes(20), udp.getsockname())
        batch = DatagramBatch(4)
        assert receiver.receive_batch(batch) == 4
        assert receiver.receive_batch(batch) == 1
        assert receiver.receive_batch(batch) == 0
        arrivals_us = receiver.take_arrivals_us(SEQNO_MASK, 4).tolist()
        assert before_us - 1000 <= arrivals_us[0] <= time_between_us
        assert [math.isnan(arrival_us) for arrival_us in arrivals_us] == [False, True, False, True]
        assert all(math.isnan(arrival_us) for arrival_us in receiver.take_arrivals_us(SEQNO_MASK, 4))


def _wait_a_little() -> int:
    """Return a wall clock time that is later than when it was called."""
    called_us = time.time_ns() // 1000
    while time.time_ns() // 1000 <= called_us:
        pass
    return time.time_ns() // 1000
