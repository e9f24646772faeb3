import itertools

import pytest

from headrace.remux.rtp_clock import MAX_JUMP_90KHZ, MAX_STEP_90KHZ, RtpClock, SessionClock

WALL_US = 1_800_000_000_000_000


def test_times_grow_with_the_clock_of_the_stream_through_its_wrap() -> None:
    clock = RtpClock(SessionClock(), 48_000)
    assert [clock.time_90khz(stamp, 0) for stamp in (0xFFFF_FFFF - 959, 0, 960)] == [0, 1_800, 3_600]


def test_until_there_is_a_report_arrival_says_how_streams_belong_together() -> None:
    session = SessionClock()
    video, sound = RtpClock(session, 90_000), RtpClock(session, 48_000)
    assert video.time_90khz(5, 1_000_000) == 0
    assert sound.time_90khz(777, 1_020_000) == 1_800


def test_reports_bring_streams_together_slowly_and_no_time_goes_back() -> None:
    session = SessionClock()
    video, sound = RtpClock(session, 90_000), RtpClock(session, 48_000)
    # Both were made at the same moment, but the sound arrived 60 ms late.
    video.time_90khz(0, 0)
    sound.time_90khz(0, 60_000)
    video.handle_report(WALL_US, 0)
    sound.handle_report(WALL_US, 0)
    times = [sound.time_90khz(960 * number, 0) for number in range(1, 100)]
    assert times[0] == 5_400 + 1_800 - 90
    assert times[-1] == 1_800 * 99
    assert all(0 < after - before <= 1_800 for before, after in itertools.pairwise(times))
    assert video.time_90khz(3_000, 0) == 3_000


def test_a_clock_that_drifts_is_followed() -> None:
    session = SessionClock()
    video, sound = RtpClock(session, 90_000), RtpClock(session, 48_000)
    video.time_90khz(0, 0)
    sound.time_90khz(0, 0)
    # 200 millionths fast: 48009.6 samples a second; a report each 5 s, 600 s.
    for tick in range(1, 30_001):
        time_90khz = sound.time_90khz(round(tick * 960.192) & 0xFFFF_FFFF, 0)
        if tick % 250 == 0:
            video.handle_report(WALL_US + tick * 20_000, 0x1_0000_0000 & 0xFFFF_FFFF | tick * 1_800 & 0xFFFF_FFFF)
            sound.handle_report(WALL_US + tick * 20_000, round(tick * 960.192) & 0xFFFF_FFFF)
            video.time_90khz(tick * 1_800 & 0xFFFF_FFFF, 0)
    assert abs(time_90khz - 30_000 * 1_800) <= 180


@pytest.mark.parametrize(("step_90khz", "follows"), [(MAX_STEP_90KHZ, True), (MAX_STEP_90KHZ + 9, False)])
def test_a_wall_clock_that_is_set_anew_moves_nothing(step_90khz: int, follows: bool) -> None:
    clock = RtpClock(SessionClock(), 90_000)
    clock.time_90khz(0, 0)
    clock.handle_report(WALL_US, 0)
    clock.handle_report(WALL_US + step_90khz * 100 // 9, 0)
    moved = [clock.time_90khz(at, 0) - at for at in range(90_000, 9_090_000, 90_000)][-1]
    assert moved == (450_000 if follows else 0)


def test_a_report_before_the_first_packet_is_passed_over() -> None:
    session = SessionClock()
    clock, other = RtpClock(session, 90_000), RtpClock(session, 90_000)
    clock.handle_report(WALL_US, 0)
    other.time_90khz(0, 0)
    other.handle_report(WALL_US - 10_000_000, 0)
    assert other.time_90khz(3_000, 0) == 3_000


@pytest.mark.parametrize("jump_ticks", [MAX_JUMP_90KHZ + 1, -MAX_JUMP_90KHZ - 1])
def test_timestamps_that_jump_are_another_clock_that_begins_with_its_arrival(jump_ticks: int) -> None:
    clock = RtpClock(SessionClock(), 90_000)
    assert clock.time_90khz(5_000_000, 0) == 0
    assert clock.time_90khz(5_003_000, 33_333) == 3_000
    assert clock.time_90khz(5_003_000 + jump_ticks, 100_000) == 9_000
    assert clock.time_90khz(5_006_000 + jump_ticks, 900_000) == 12_000


def test_a_smaller_jump_is_a_pause() -> None:
    clock = RtpClock(SessionClock(), 90_000)
    clock.time_90khz(0, 0)
    assert clock.time_90khz(MAX_JUMP_90KHZ, 33_333) == MAX_JUMP_90KHZ
