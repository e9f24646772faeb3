"""The sending half: what is kept, what is sent again, what is given up."""

import pytest
from tests.support.srt_datagrams import words

from headrace.srt.packet import Acknowledgement, ControlType
from headrace.srt.sender import (
    DROP_MARGIN_US,
    MAX_DROP_REQUESTS_PER_REPORT,
    MIN_DROP_US,
    MIN_TAIL_PROBE_US,
    Sender,
    message_number,
)

FIRST = 100
WRAP = 1 << 31
NEVER_US = 10_000_000


def full_ack(
    next_seqno: int, *, rtt_us: int = 20_000, variance_us: int = 5_000, room: int = 8192
) -> Acknowledgement:
    return Acknowledgement(1, next_seqno % WRAP, rtt_us, variance_us, room)


class Rig:
    """A sender, and what it has sent."""

    def __init__(self, first: int = FIRST, window: int = 8192, latency_us: int = NEVER_US) -> None:
        self.sender = Sender(first, window, latency_us)

    def send(self, packets: int, now_us: int = 0) -> list[int]:
        for _ in range(packets):
            self.sender.send(b"x", now_us)
        return self.poll(now_us)

    def poll(self, now_us: int) -> list[int]:
        return [item.packet_index for item in self.sender.poll_transmissions(now_us)]

    def drop_requests(self) -> list[bytes]:
        controls = self.sender.poll_controls()
        assert all(item.control_type == ControlType.DROP_REQUEST for item in controls)
        return [item.body for item in controls]


def test_what_is_new_is_sent_at_once_and_once() -> None:
    rig = Rig()
    rig.sender.send(b"abc", 7)
    (item,) = rig.sender.poll_transmissions(9)
    assert item == (FIRST, b"abc", 7, False)
    assert rig.poll(9) == []
    assert rig.sender.statistics.sent_packets == 1
    assert rig.sender.statistics.sent_payload_bytes == 3


def test_message_numbers_run_from_1_and_never_touch_0() -> None:
    top = (1 << 26) - 1
    assert [message_number(index) for index in (0, 1, top - 1, top, top + 1)] == [1, 2, top, 1, 2]


def test_acknowledged_packets_are_forgotten() -> None:
    rig = Rig()
    rig.send(5)
    rig.sender.handle_ack(Acknowledgement(0, FIRST + 3))
    assert rig.sender.buffered_packets == 2
    rig.sender.handle_ack(full_ack(FIRST + 5))
    assert rig.sender.buffered_packets == 0
    assert rig.sender.poll_timer() is None
    assert rig.sender.statistics.acks_received_packets == 2


def test_an_ack_brings_the_peer_s_round_trip() -> None:
    rig = Rig()
    rig.sender.handle_ack(full_ack(FIRST, rtt_us=33_000, variance_us=4_000))
    assert (rig.sender.round_trip.rtt_us, rig.sender.round_trip.variance_us) == (33_000, 4_000)


def test_an_ack_of_what_was_never_sent_is_ignored() -> None:
    rig = Rig(window=2)
    rig.send(5)
    rig.sender.handle_ack(full_ack(FIRST + 3))
    assert rig.sender.buffered_packets == 5
    assert rig.poll(0) == []


def test_acknowledgement_runs_across_the_wrap() -> None:
    rig = Rig(first=WRAP - 2)
    assert rig.send(4) == [WRAP - 2, WRAP - 1, WRAP, WRAP + 1]
    rig.sender.handle_ack(full_ack(1))
    assert rig.sender.buffered_packets == 1
    rig.sender.handle_loss_report([(1, 1)])
    assert rig.poll(1_000_000) == [WRAP + 1]


def test_what_is_reported_lost_is_sent_again_marked_and_before_what_is_new() -> None:
    rig = Rig()
    rig.send(5)
    rig.sender.send(b"new", 50)
    rig.sender.handle_loss_report([(FIRST + 1, FIRST + 2), (FIRST + 4, FIRST + 4)])
    sent = rig.sender.poll_transmissions(50)
    assert [(item.packet_index - FIRST, item.retransmitted) for item in sent] == [
        (1, True),
        (2, True),
        (4, True),
        (5, False),
    ]
    stats = rig.sender.statistics
    assert (stats.resent_packets, stats.reported_lost_packets, stats.naks_received_packets) == (3, 3, 1)
    assert stats.sent_packets == 9


def test_a_resent_packet_keeps_its_origin() -> None:
    rig = Rig()
    rig.send(1, now_us=7)
    rig.sender.handle_loss_report([(FIRST, FIRST)])
    assert rig.sender.poll_transmissions(90)[0].origin_us == 7


def test_within_a_round_trip_of_a_resend_no_report_moves_it_again() -> None:
    rig = Rig()
    rig.send(2)
    rig.sender.handle_ack(full_ack(FIRST, rtt_us=20_000))
    for now_us, expected in ((20_000, [FIRST]), (39_999, []), (40_000, [FIRST])):
        rig.sender.handle_loss_report([(FIRST, FIRST)])
        assert rig.poll(now_us) == expected


def test_the_first_resend_waits_for_nothing() -> None:
    rig = Rig()
    rig.send(2)
    rig.sender.handle_loss_report([(FIRST, FIRST)])
    assert rig.poll(1) == [FIRST]


def test_a_report_of_what_was_acknowledged_is_answered_by_a_drop_request() -> None:
    rig = Rig()
    rig.send(10)
    rig.sender.handle_ack(full_ack(FIRST + 5))
    rig.sender.handle_loss_report([(FIRST + 1, FIRST + 2), (FIRST + 3, FIRST + 6)])
    assert rig.drop_requests() == [words(FIRST + 1, FIRST + 2), words(FIRST + 3, FIRST + 4)]
    assert rig.poll(0) == [FIRST + 5, FIRST + 6]


def test_a_report_of_what_was_never_sent_is_ignored() -> None:
    rig = Rig()
    rig.send(2)
    rig.sender.handle_loss_report([(FIRST + 2, FIRST + 50)])
    assert rig.poll(0) == []
    assert rig.drop_requests() == []
    assert rig.sender.statistics.reported_lost_packets == 0


def test_a_report_of_2_to_the_30_packets_resends_what_is_kept_and_no_more() -> None:
    rig = Rig()
    rig.send(3)
    rig.sender.handle_loss_report([(FIRST, FIRST + (1 << 30) - 4)] * 100)
    assert rig.poll(0) == [FIRST, FIRST + 1, FIRST + 2]
    rig.sender.handle_loss_report([((FIRST - (1 << 29)) % WRAP, FIRST - 1)])
    assert rig.drop_requests() == [words((FIRST - (1 << 29)) % WRAP, FIRST - 1)]


@pytest.mark.parametrize("beyond", [0, 1, 300])
def test_one_report_is_answered_by_no_more_drop_requests_than_the_limit(beyond: int) -> None:
    rig = Rig()
    ranges = [
        (FIRST - 2 * number, FIRST - 2 * number) for number in range(1, MAX_DROP_REQUESTS_PER_REPORT + beyond + 1)
    ]
    rig.sender.handle_loss_report(ranges)
    assert len(rig.drop_requests()) == MAX_DROP_REQUESTS_PER_REPORT


def test_the_flow_window_holds_new_packets_back_until_an_ack_opens_it() -> None:
    rig = Rig(window=3)
    assert rig.send(5) == [FIRST, FIRST + 1, FIRST + 2]
    assert rig.poll(0) == []
    rig.sender.handle_ack(full_ack(FIRST + 1, room=3))
    assert rig.poll(0) == [FIRST + 3]
    rig.sender.handle_ack(full_ack(FIRST + 4, room=3))
    assert rig.poll(0) == [FIRST + 4]


def test_a_window_of_0_stalls_until_the_next_ack() -> None:
    rig = Rig()
    rig.sender.handle_ack(full_ack(FIRST, room=0))
    assert rig.send(2) == []
    rig.sender.handle_ack(full_ack(FIRST, room=2))
    assert rig.poll(0) == [FIRST, FIRST + 1]


def test_a_light_ack_does_not_move_the_end_of_the_window() -> None:
    rig = Rig(window=4)
    rig.send(10)
    rig.sender.handle_ack(Acknowledgement(0, FIRST + 3))
    assert rig.poll(0) == []
    rig.sender.handle_ack(Acknowledgement(0, FIRST + 4))
    assert rig.poll(0) == []
    rig.sender.handle_ack(full_ack(FIRST + 4, room=1))
    assert rig.poll(0) == [FIRST + 4]


def test_an_ack_that_was_overtaken_does_not_say_how_much_room_there_is() -> None:
    rig = Rig(window=4)
    rig.send(20)
    rig.sender.handle_ack(full_ack(FIRST + 4, room=2))
    rig.sender.handle_ack(full_ack(FIRST + 2, room=100))
    assert rig.poll(0) == [FIRST + 4, FIRST + 5]


def test_packets_too_late_for_the_peer_are_given_up_and_it_is_told() -> None:
    rig = Rig(latency_us=2_000_000)
    rig.send(2, now_us=0)
    rig.send(1, now_us=100)
    limit_us = 2_000_000 + DROP_MARGIN_US
    rig.sender.handle_timer(limit_us)
    assert rig.drop_requests() == []
    rig.sender.handle_timer(limit_us + 1)
    assert rig.drop_requests() == [words(FIRST, FIRST + 1)]
    assert rig.sender.statistics.dropped_packets == 2
    assert rig.sender.buffered_packets == 1


def test_a_short_latency_keeps_packets_a_second_all_the_same() -> None:
    rig = Rig(latency_us=20_000)
    rig.send(1)
    rig.sender.handle_timer(MIN_DROP_US)
    assert rig.drop_requests() == []
    rig.sender.handle_timer(MIN_DROP_US + 1)
    assert rig.drop_requests() == [words(FIRST, FIRST)]


def test_packets_that_never_fitted_the_window_are_given_up_too() -> None:
    rig = Rig(window=2, latency_us=0)
    rig.send(4)
    rig.sender.handle_timer(MIN_DROP_US + 1)
    assert rig.drop_requests() == [words(FIRST, FIRST + 3)]
    assert rig.send(1, now_us=MIN_DROP_US + 1) == [FIRST + 4]


def test_the_timer_names_the_moment_of_giving_up() -> None:
    rig = Rig(window=0, latency_us=0)
    rig.send(1)
    assert rig.sender.poll_timer() == MIN_DROP_US + 1


def test_a_tail_without_ack_is_sent_once_more_later_each_time() -> None:
    rig = Rig()
    rig.send(3)
    rig.sender.handle_ack(full_ack(FIRST, rtt_us=20_000, variance_us=5_000))
    wait_us = 20_000 + 4 * 5_000
    now_us = 0
    for times in (1, 2, 4, 8, 16, 32, 64, 64):
        due_us = now_us + times * wait_us
        assert rig.sender.poll_timer() == due_us
        rig.sender.handle_timer(due_us - 1)
        assert rig.poll(due_us - 1) == []
        rig.sender.handle_timer(due_us)
        assert rig.poll(due_us) == [FIRST + 2]
        now_us = due_us


def test_a_tail_probe_waits_30_ms_on_the_shortest_path() -> None:
    rig = Rig()
    rig.send(1)
    rig.sender.handle_ack(full_ack(FIRST, rtt_us=100, variance_us=10))
    assert rig.sender.poll_timer() == MIN_TAIL_PROBE_US


def test_progress_makes_the_next_probe_prompt_again() -> None:
    rig = Rig()
    rig.send(2)
    rig.sender.handle_ack(full_ack(FIRST, rtt_us=100, variance_us=10))
    rig.sender.handle_timer(MIN_TAIL_PROBE_US)
    assert rig.poll(MIN_TAIL_PROBE_US) == [FIRST + 1]
    rig.sender.handle_ack(full_ack(FIRST + 1, rtt_us=100, variance_us=10))
    assert rig.sender.poll_timer() == 2 * MIN_TAIL_PROBE_US
