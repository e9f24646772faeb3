"""How much browsers are sent again: each for what it was sent, and all together for part of the time."""

from headrace.endpoints.rtc_resends import (
    FAIR_ROUND_PACKETS,
    MAX_AGAIN_US,
    MAX_ROUND_PACKETS,
    MAX_SAVED_PACKETS,
    MAX_STREAM_PACKETS,
    MIN_AGAIN_US,
    ResendCredit,
    RtcResends,
)
from headrace.fanout.resend_budget import FLOOR_PACKETS_PER_SECOND, MAX_SHARED_PACKETS, ROUND_US

START_US = 5_000_000


def granted(resends: RtcResends, credit: ResendCredit, sent_packets: int, wanted: range, now_us: int) -> int:
    indices, refused = resends.admit(credit, sent_packets, wanted, None, now_us)
    assert indices == list(wanted)[: len(indices)]
    assert refused == len(wanted) - len(indices)
    return len(indices)


def test_a_packet_is_sent_again_once_however_often_it_is_named() -> None:
    resends, credit = RtcResends(), ResendCredit()
    assert resends.admit(credit, 100, [7, 7, 8, 7] * 50, None, START_US) == ([7, 8], 0)


def test_a_packet_is_sent_again_once_in_a_round_trip_and_a_claimed_one_has_bounds() -> None:
    for claimed_us, least_us in (
        (None, MIN_AGAIN_US),
        (0, MIN_AGAIN_US),
        (60_000, 60_000),
        (1 << 40, MAX_AGAIN_US),
    ):
        resends, credit = RtcResends(), ResendCredit()
        assert resends.admit(credit, 100, [7], claimed_us, START_US) == ([7], 0)
        assert resends.admit(credit, 100, [7], claimed_us, START_US + least_us - 1) == ([], 0)
        assert resends.admit(credit, 100, [7], claimed_us, START_US + least_us) == ([7], 0)


def test_a_stream_earns_what_it_was_sent_and_a_little_in_a_pause() -> None:
    resends, credit = RtcResends(), ResendCredit()
    assert granted(resends, credit, 100, range(150), START_US) == 100
    assert granted(resends, credit, 100, range(200, 300), START_US + ROUND_US) == 0
    later_us = START_US + 2_000_000
    assert granted(resends, credit, 100, range(200, 300), later_us) == 2 * FLOOR_PACKETS_PER_SECOND
    assert granted(resends, credit, 150, range(300, 400), later_us + ROUND_US) == 50


def test_no_more_is_saved_up_and_no_more_is_remembered_than_a_browser_can_miss() -> None:
    resends, credit = RtcResends(), ResendCredit()
    got, now_us = 0, START_US
    for number in range(20):
        now_us += ROUND_US
        wanted = range(number * MAX_STREAM_PACKETS, (number + 1) * MAX_STREAM_PACKETS)
        got += len(resends.admit(credit, 100_000, wanted, MAX_AGAIN_US, now_us)[0])
    assert MAX_SAVED_PACKETS <= got <= MAX_SAVED_PACKETS + 1
    assert len(credit.resent_us) <= MAX_SAVED_PACKETS
    resends.admit(credit, 100_001, [0], MAX_AGAIN_US, now_us + MAX_AGAIN_US)
    assert len(credit.resent_us) == 1


def test_a_stream_and_all_together_get_so_much_in_a_round_and_the_others_half_of_it() -> None:
    resends = RtcResends()
    greedy = [ResendCredit() for _ in range(4)]
    taken = [granted(resends, credit, 300, range(300), START_US) for credit in greedy]
    assert taken[0] == MAX_STREAM_PACKETS
    # What is their own they get: half of what they were sent.
    assert taken[1:] == [150, MAX_ROUND_PACKETS - MAX_STREAM_PACKETS - 150, 0]
    resends = RtcResends()
    assert granted(resends, ResendCredit(), 2 * FAIR_ROUND_PACKETS, range(400), START_US) == MAX_STREAM_PACKETS
    honest = ResendCredit()
    assert granted(resends, honest, 100, range(40), START_US) == 40
    assert granted(resends, honest, 100, range(40, 100), START_US + ROUND_US) == 60


def test_who_asks_for_more_than_half_shares_with_all_who_do_and_takes_nothing_from_who_does_not() -> None:
    resends = RtcResends()
    greedy, got, now_us = ResendCredit(), 0, START_US
    sent, rounds = 0, 400
    for _ in range(rounds):
        now_us += ROUND_US
        sent += 100
        resends.note_sent(100)
        got += len(resends.admit(greedy, sent, range(sent, sent + 300), None, now_us)[0])
    # At first there is what all have saved up; after that a quarter of what is sent, and the floor.
    assert got <= 0.75 * sent + MAX_SHARED_PACKETS + 1_000 * rounds * ROUND_US / 1e6 + 2 * FLOOR_PACKETS_PER_SECOND
    assert got >= 0.5 * sent
    honest = ResendCredit()
    assert granted(resends, honest, 100, range(50), now_us) == 50


def test_when_numbers_change_packets_are_others() -> None:
    resends, credit = RtcResends(), ResendCredit()
    assert resends.admit(credit, 100, [7], None, START_US) == ([7], 0)
    credit.forget()
    assert resends.admit(credit, 100, [7], None, START_US) == ([7], 0)
