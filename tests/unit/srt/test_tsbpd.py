"""When packets are due: time base, wraps, drift."""

import pytest

from headrace.srt.tsbpd import DRIFT_SPAN_US, MAX_DRIFT_US, MIN_DRIFT_SAMPLES, DeliveryClock, DriftTracer

WRAP_US = 1 << 32
HOUR_US = 3_600_000_000
RTT_US = 40_000
INTERVAL_US = 10_000
SAMPLES = DRIFT_SPAN_US // INTERVAL_US + 1
"""From the first to the last of these lies one span."""


def fill(clock: DeliveryClock, deviation_us: int, *, samples: int = SAMPLES, start_us: int = 0) -> int:
    """Give the clock ACKACKs that come ``deviation_us`` late, 10 ms apart; return the time of the last."""
    for number in range(samples):
        peer_us = start_us + INTERVAL_US * number
        clock.handle_ackack(peer_us % WRAP_US, RTT_US, peer_us + deviation_us)
    return start_us + INTERVAL_US * samples


def test_a_packet_is_due_one_latency_after_its_origin_on_our_clock() -> None:
    clock = DeliveryClock(handshake_timestamp_us=5_000, arrival_us=1_005_000, latency_us=120_000)
    assert clock.origin_us(5_000) == 1_005_000
    assert clock.origin_us(25_000) == 1_025_000
    assert clock.due_us(25_000) == 1_145_000


def test_a_packet_from_before_the_handshake_is_due_earlier() -> None:
    clock = DeliveryClock(5_000, 1_005_000, 120_000)
    assert clock.origin_us(0) == 1_000_000


def test_timestamps_run_on_through_the_wrap() -> None:
    clock = DeliveryClock(WRAP_US - 1_000, 1_000_000, 0)
    assert clock.origin_us(WRAP_US - 1) == 1_000_999
    assert clock.origin_us(0) == 1_001_000
    assert clock.origin_us(WRAP_US - 500) == 1_000_500
    assert clock.origin_us(2_000) == 1_003_000


def test_many_wraps_add_up() -> None:
    clock = DeliveryClock(0, 0, 0)
    for peer_us in range(0, 5 * WRAP_US, WRAP_US // 4):
        clock.handle_arrival(peer_us)
        assert clock.origin_us(peer_us % WRAP_US) == peer_us


@pytest.mark.parametrize("pause_us", [HOUR_US // 2, HOUR_US, 10 * HOUR_US])
def test_a_pause_longer_than_half_a_wrap_is_no_riddle_because_our_clock_ran_on(pause_us: int) -> None:
    clock = DeliveryClock(0, 7_000_000, 120_000)
    clock.handle_arrival(7_000_000 + pause_us)
    assert clock.origin_us(pause_us % WRAP_US) == 7_000_000 + pause_us


def test_one_absurd_timestamp_does_not_spoil_those_that_follow() -> None:
    clock = DeliveryClock(0, 0, 0)
    clock.handle_arrival(1_000)
    clock.origin_us((1 << 31) - 1)
    clock.handle_arrival(2_000)
    assert clock.origin_us(WRAP_US - 100) == -100


def test_a_clock_that_does_not_drift_moves_nothing() -> None:
    clock = DeliveryClock(0, 0, 0)
    end_us = fill(clock, 0)
    assert clock.drift_us == 0
    assert clock.origin_us(end_us) == end_us


def test_small_drift_shifts_deliveries_after_a_full_span() -> None:
    clock = DeliveryClock(0, 0, 0)
    fill(clock, 3_000, samples=SAMPLES - 1)
    assert clock.drift_us == 0
    fill(clock, 3_000, samples=1, start_us=DRIFT_SPAN_US)
    assert clock.drift_us == 3_000
    assert clock.origin_us(20_000) == 23_000


def test_drift_over_5_ms_moves_the_time_base_without_a_jump() -> None:
    clock = DeliveryClock(0, 0, 0)
    end_us = fill(clock, 7_000)
    assert clock.drift_us == 7_000 - MAX_DRIFT_US
    assert clock.origin_us(end_us) == end_us + 7_000


def test_drift_backwards_moves_the_time_base_too() -> None:
    clock = DeliveryClock(0, 1_000_000, 0)
    fill(clock, 1_000_000 - 6_000)
    assert clock.drift_us == -1_000
    assert clock.origin_us(0) == 1_000_000 - 6_000


def test_a_drift_of_exactly_5_ms_does_not_move_the_time_base() -> None:
    for drift_us in (MAX_DRIFT_US, -MAX_DRIFT_US):
        tracer = DriftTracer()
        assert [tracer.add_sample(drift_us, RTT_US, INTERVAL_US * n) for n in range(SAMPLES)] == [0] * SAMPLES
        assert tracer.drift_us == drift_us


def test_steady_drift_is_followed_without_end() -> None:
    clock = DeliveryClock(0, 0, 0)
    for run in range(20):  # 100 us more in every run of 10 s: 10 ppm
        fill(clock, 1_000 * run, start_us=run * SAMPLES * INTERVAL_US)
        assert abs(clock.origin_us(0) - 1_000 * run) <= 1


def test_a_longer_path_is_not_taken_for_drift() -> None:
    tracer = DriftTracer()
    tracer.add_sample(0, RTT_US, 0)
    for number in range(1, SAMPLES):
        tracer.add_sample(10_000, RTT_US + 20_000, INTERVAL_US * number)
    assert tracer.drift_us == 0


def test_where_few_are_acknowledged_a_span_is_as_long_in_time_but_has_enough_samples() -> None:
    tracer = DriftTracer()
    for number in range(8):  # one in 2 s: 10 s have gone by after 6
        tracer.add_sample(3_000, RTT_US, 2_000_000 * number)
    assert tracer.drift_us == 0
    for number in range(8, MIN_DRIFT_SAMPLES):
        tracer.add_sample(3_000, RTT_US, 2_000_000 * number)
    assert tracer.drift_us == 3_000
    for number in range(81):  # 8 a second
        tracer.add_sample(1_000, RTT_US, 100_000_000 + 125_000 * number)
    assert tracer.drift_us == 1_000


def test_ackacks_are_read_through_the_wrap() -> None:
    clock = DeliveryClock(WRAP_US - 5_000_000, 0, 0)
    fill_from_us = WRAP_US - 5_000_000
    for number in range(SAMPLES):
        peer_us = fill_from_us + INTERVAL_US * number
        clock.handle_ackack(peer_us % WRAP_US, RTT_US, INTERVAL_US * number + 2_000)
    assert clock.drift_us == 2_000
