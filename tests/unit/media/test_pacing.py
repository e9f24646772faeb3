import threading

from tests.support.fake_clock import FakeClock

from headrace.media.pacing import REANCHOR_LATE_US, ArrivalPacer, RealTimePacer


def test_a_frame_waits_for_its_time() -> None:
    clock = FakeClock()
    pacer = RealTimePacer(clock, threading.Event())
    start_us = clock.time_us
    assert [pacer.await_turn(time_us) for time_us in (100_000, 140_000, 180_000)] == [0, 0, 0]
    assert clock.time_us - start_us == 80_000


def test_lateness_is_told_and_made_up() -> None:
    clock = FakeClock()
    pacer = RealTimePacer(clock, threading.Event())
    pacer.await_turn(0)
    clock.time_us += 100_000
    assert [pacer.await_turn(time_us) for time_us in (40_000, 80_000, 120_000)] == [60_000, 20_000, 0]
    assert clock.waits_us == [20_000]


def test_very_late_it_goes_on_from_now() -> None:
    clock = FakeClock()
    pacer = RealTimePacer(clock, threading.Event())
    pacer.await_turn(0)
    clock.time_us += REANCHOR_LATE_US
    assert (pacer.await_turn(0), pacer.reanchors) == (REANCHOR_LATE_US, 0)
    clock.time_us += 1
    assert (pacer.await_turn(0), pacer.reanchors) == (0, 1)
    assert pacer.await_turn(40_000) == 0
    assert clock.waits_us == [40_000]


def test_a_camera_is_never_waited_for() -> None:
    clock = FakeClock()
    pacer = ArrivalPacer(clock)
    for number in range(5):
        clock.time_us += 10_000
        assert pacer.await_turn(number * 40_000) == 0
    assert clock.waits_us == []


def test_a_camera_frame_is_late_compared_to_the_quickest() -> None:
    clock = FakeClock(0)
    pacer = ArrivalPacer(clock)
    arrivals_us = [50_000, 90_000, 100_000, 300_000]
    late_us = []
    for number, arrival_us in enumerate(arrivals_us):
        clock.time_us = arrival_us
        late_us.append(pacer.await_turn(number * 40_000))
    assert late_us == [0, 0, 0, 160_000 - 40]


def test_a_slow_camera_clock_is_not_lateness() -> None:
    clock = FakeClock(0)
    pacer = ArrivalPacer(clock)
    for number in range(100_000):
        clock.time_us = number * 40_000 + number * 40_000 * 900 // 1_000_000
        assert pacer.await_turn(number * 40_000) <= 40


def test_a_camera_that_stood_still_goes_on_from_now() -> None:
    clock = FakeClock(0)
    pacer = ArrivalPacer(clock)
    pacer.await_turn(0)
    clock.time_us = 3_000_000
    assert (pacer.await_turn(40_000), pacer.reanchors) == (0, 1)
