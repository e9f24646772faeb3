"""When acknowledgements go out and when they are repeated."""

import pytest

from headrace.srt.acknowledger import (
    EAGER_FULL_ACKS,
    FULL_ACK_INTERVAL_US,
    LATE_ACK_US,
    LIGHT_ACK_PACKETS,
    MAX_OPEN_ACKS,
    SPARSE_FULL_US,
    Acknowledger,
)
from headrace.srt.rtt import RoundTrip

FIRST = 500
STEADY_US = 1_000_000


def round_trip(rtt_us: int = 20_000, variance_us: int = 5_000) -> RoundTrip:
    made = RoundTrip()
    made.adopt(rtt_us, variance_us)
    return made


def test_nothing_is_due_before_data() -> None:
    acknowledger = Acknowledger(FIRST)
    assert acknowledger.poll_timer() is None
    acknowledger.handle_progress(FIRST, 0)
    assert acknowledger.poll_timer() is None
    assert acknowledger.poll_full(FIRST, round_trip(), 0) is None


def test_a_full_ack_is_due_10_ms_after_the_first_progress() -> None:
    acknowledger = Acknowledger(FIRST)
    acknowledger.handle_progress(FIRST + 1, 1_000)
    acknowledger.handle_progress(FIRST + 2, 9_000)
    assert acknowledger.poll_timer() == 1_000 + FULL_ACK_INTERVAL_US
    assert acknowledger.poll_full(FIRST + 2, round_trip(), 10_999) is None
    assert acknowledger.poll_full(FIRST + 2, round_trip(), 11_000) == 1


def test_every_64th_packet_wants_a_light_ack() -> None:
    acknowledger = Acknowledger(FIRST)
    light = [number for number in range(1, 200) if acknowledger.handle_data()]
    assert light == [64, 128, 192]


def test_a_full_ack_starts_the_count_to_the_next_light_one_anew() -> None:
    acknowledger = Acknowledger(FIRST)
    for _ in range(LIGHT_ACK_PACKETS - 1):
        assert not acknowledger.handle_data()
    acknowledger.handle_progress(FIRST + 63, 0)
    assert acknowledger.poll_full(FIRST + 63, round_trip(), 10_000) == 1
    assert not acknowledger.handle_data()


def test_an_ack_without_answer_is_repeated_after_rtt_and_four_variances() -> None:
    acknowledger = Acknowledger(FIRST)
    acknowledger.handle_progress(FIRST + 1, 0)
    assert acknowledger.poll_full(FIRST + 1, round_trip(), 10_000) == 1
    assert acknowledger.poll_timer() == 10_000 + 20_000 + 4 * 5_000
    assert acknowledger.poll_full(FIRST + 1, round_trip(), 49_999) is None
    assert acknowledger.poll_full(FIRST + 1, round_trip(), 50_000) == 2


def test_an_answered_ack_is_not_repeated() -> None:
    acknowledger = Acknowledger(FIRST)
    acknowledger.handle_progress(FIRST + 1, 0)
    number = acknowledger.poll_full(FIRST + 1, round_trip(), 10_000)
    assert number is not None
    assert acknowledger.handle_ackack(number, 30_000) == 20_000
    assert acknowledger.poll_full(FIRST + 1, round_trip(), 50_000) is None
    assert acknowledger.poll_timer() is None


def test_new_progress_comes_before_a_repetition() -> None:
    acknowledger = Acknowledger(FIRST)
    acknowledger.handle_progress(FIRST + 1, 0)
    acknowledger.poll_full(FIRST + 1, round_trip(), 10_000)
    acknowledger.handle_progress(FIRST + 2, 15_000)
    assert acknowledger.poll_timer() == 25_000


def test_what_has_changed_besides_the_position_is_said_again_within_10_ms() -> None:
    acknowledger = Acknowledger(FIRST)
    acknowledger.handle_progress(FIRST + 1, 0)
    number = acknowledger.poll_full(FIRST + 1, round_trip(), 10_000)
    assert number is not None
    acknowledger.handle_ackack(number, 30_000)
    assert acknowledger.poll_full(FIRST + 1, round_trip(), 50_000) is None
    acknowledger.say_again(100_000)
    assert acknowledger.poll_timer() == 110_000
    assert acknowledger.poll_full(FIRST + 1, round_trip(), 110_000) == 2
    assert acknowledger.handle_ackack(2, 120_000) == 10_000
    assert acknowledger.poll_full(FIRST + 1, round_trip(), 300_000) is None


def test_an_unknown_or_doubled_ackack_measures_nothing() -> None:
    acknowledger = Acknowledger(FIRST)
    acknowledger.handle_progress(FIRST + 1, 0)
    acknowledger.poll_full(FIRST + 1, round_trip(), 10_000)
    assert acknowledger.handle_ackack(77, 20_000) is None
    assert acknowledger.handle_ackack(1, 20_000) == 10_000
    assert acknowledger.handle_ackack(1, 20_000) is None


def test_acks_overtaken_by_their_answers_settle_the_furthest() -> None:
    acknowledger = Acknowledger(FIRST)
    for step in (1, 2):
        acknowledger.handle_progress(FIRST + step, 100_000 * step)
        assert acknowledger.poll_full(FIRST + step, round_trip(), 100_000 * step + 10_000) == step
    acknowledger.handle_ackack(2, 230_000)
    acknowledger.handle_ackack(1, 231_000)
    assert acknowledger.poll_full(FIRST + 2, round_trip(), 900_000) is None


def test_the_oldest_of_more_than_1024_open_acks_is_forgotten() -> None:
    acknowledger = Acknowledger(FIRST)
    for number in range(1, MAX_OPEN_ACKS + 2):
        assert acknowledger.open_ack(FIRST + number, number) == number
    assert acknowledger.handle_ackack(1, 5_000) is None
    assert acknowledger.handle_ackack(2, 5_000) == 4_998


def test_ack_numbers_skip_0_which_means_a_light_ack() -> None:
    acknowledger = Acknowledger(FIRST)
    acknowledger._next_number = 0x7FFF_FFFF
    assert [acknowledger.open_ack(FIRST, 0) for _ in range(2)] == [0x7FFF_FFFF, 1]


@pytest.mark.parametrize("runs", [[64], [63, 1, 1], [10] * 30, [200, 1, 300]])
def test_light_acks_are_due_within_a_run_where_they_are_packet_by_packet(runs: list[int]) -> None:
    together, one_by_one = Acknowledger(0), Acknowledger(0)
    for packets in runs:
        assert list(together.handle_run(packets)) == [n for n in range(1, packets + 1) if one_by_one.handle_data()]


def answered() -> Acknowledger:
    """Return one whose only full ACK, sent at 10 ms, was answered; at 50 ms it would be repeated otherwise."""
    acks = Acknowledger(FIRST)
    acks.handle_progress(FIRST + 5, 0)
    number = acks.poll_full(FIRST + 5, round_trip(), 10_000)
    assert number is not None
    acks.handle_ackack(number, 12_000)
    return acks


def test_nobody_wakes_up_for_what_has_been_answered() -> None:
    acks = answered()
    assert acks.poll_timer() == 50_000
    acks.rest(FIRST + 6)
    assert acks.poll_timer() == 50_000
    acks.rest(FIRST + 5)
    assert acks.poll_timer() is None


@pytest.mark.parametrize(("came_us", "due_us"), [(20_000, 30_000), (45_000, 50_000), (50_000, 60_000)])
def test_after_a_rest_a_full_ack_is_due_when_it_would_have_been_without(came_us: int, due_us: int) -> None:
    rested, awake = answered(), answered()
    rested.rest(FIRST + 5)
    if came_us >= 50_000:
        assert awake.poll_full(FIRST + 5, round_trip(), 50_000) is None
    for acks in (rested, awake):
        acks.handle_progress(FIRST + 6, came_us)
        assert acks.poll_timer() == due_us


@pytest.mark.parametrize("came_us", [20_000, 50_000])
def test_after_a_rest_the_next_light_ack_is_due_when_it_would_have_been_without(came_us: int) -> None:
    rested, awake = answered(), answered()
    for acks in (rested, awake):
        acks.handle_run(LIGHT_ACK_PACKETS - 1)
    rested.rest(FIRST + 5)
    if came_us >= 50_000:
        awake.poll_full(FIRST + 5, round_trip(), 50_000)
    for acks in (rested, awake):
        acks.handle_progress(FIRST + 5, came_us)
    assert rested.handle_data() == awake.handle_data() == (came_us < 50_000)


def test_what_has_changed_is_said_again_after_a_rest_too() -> None:
    acks = answered()
    acks.rest(FIRST + 5)
    acks.say_again(20_000)
    assert acks.poll_timer() == 30_000
    assert acks.poll_full(FIRST + 5, round_trip(), 30_000) is not None


def frame(acks: Acknowledger, number: int, now_us: int) -> int | None:
    """Take the packets of a frame, in one batch, and return what `poll_batch` says."""
    acks.handle_progress(FIRST + 8 * number, now_us)
    return acks.poll_batch(FIRST + 8 * number, round_trip(), now_us)


def steady() -> Acknowledger:
    """Return one that has sent its eager full ACKs, the last at `STEADY_US`, and had all of them answered."""
    acks = Acknowledger(FIRST)
    for number in range(1, EAGER_FULL_ACKS + 1):
        assert frame(acks, number, STEADY_US + 33_000 * (number - EAGER_FULL_ACKS)) == number
        acks.handle_ackack(number, STEADY_US + 33_000 * (number - EAGER_FULL_ACKS) + 100)
    return acks


def test_a_batch_is_acknowledged_at_once_and_nobody_wakes_up_for_it_later() -> None:
    acks = Acknowledger(FIRST)
    assert frame(acks, 1, 1_000) == 1
    acks.handle_ackack(1, 1_100)
    acks.rest(FIRST + 8)
    assert acks.poll_timer() is None


def test_a_batch_without_progress_is_not_acknowledged() -> None:
    acks = Acknowledger(FIRST)
    assert acks.poll_batch(FIRST, round_trip(), 1_000) is None
    assert frame(acks, 1, 2_000) == 1
    assert acks.poll_batch(FIRST + 8, round_trip(), 100_000) is None


def test_after_some_full_acks_most_batches_get_light_ones() -> None:
    acks = steady()
    found = [frame(acks, EAGER_FULL_ACKS + number, STEADY_US + 33_000 * number) for number in range(1, 9)]
    assert found == [0, 0, 0, EAGER_FULL_ACKS + 1, 0, 0, 0, EAGER_FULL_ACKS + 2]


def test_what_follows_within_10_ms_is_acknowledged_with_the_next_batch() -> None:
    acks = steady()
    assert frame(acks, EAGER_FULL_ACKS + 1, STEADY_US + 33_000) == 0
    assert frame(acks, EAGER_FULL_ACKS + 2, STEADY_US + 42_999) is None
    assert acks.poll_timer() == STEADY_US + 33_000 + LATE_ACK_US
    assert frame(acks, EAGER_FULL_ACKS + 3, STEADY_US + 66_000) == 0


def test_where_no_batch_follows_a_full_ack_does() -> None:
    acks = steady()
    assert frame(acks, EAGER_FULL_ACKS + 1, STEADY_US + 33_000) == 0
    assert acks.poll_timer() == STEADY_US + 2 * SPARSE_FULL_US
    number = acks.poll_full(FIRST + 8 * (EAGER_FULL_ACKS + 1), round_trip(), STEADY_US + 2 * SPARSE_FULL_US)
    assert number == EAGER_FULL_ACKS + 1
    acks.handle_ackack(number, STEADY_US + 260_000)
    acks.rest(FIRST + 8 * (EAGER_FULL_ACKS + 1))
    assert acks.poll_timer() is None
