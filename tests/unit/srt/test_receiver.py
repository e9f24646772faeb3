"""The receiving half: order, gaps, loss reports, acknowledgements, deadlines, limits."""

import pytest
from tests.support.srt_datagrams import words

from headrace.srt.packet import Control, ControlType, decode_ack, decode_header, decode_loss_report, encode_control
from headrace.srt.receiver import MIN_ADVERTISED_PACKETS, Arrival, Receiver
from headrace.srt.tsbpd import DeliveryClock

FIRST = 500
LATENCY_US = 120_000
WRAP = 1 << 31


class Rig:
    """A receiver whose peer's clock is ours, and what it has said."""

    def __init__(self, first: int = FIRST, window: int = 100) -> None:
        self.receiver = Receiver(first, DeliveryClock(0, 0, LATENCY_US), window)
        self.said: list[Control] = []

    def take(self, *seqnos: int, at_us: int = 0) -> list[Arrival]:
        """Take packets that were stamped ``at_us`` and arrive then."""
        arrivals = [
            self.receiver.handle_data(seqno % WRAP, at_us % (1 << 32), b"%d" % seqno, at_us) for seqno in seqnos
        ]
        self.said += self.receiver.poll_controls()
        return arrivals

    def tick(self, now_us: int) -> None:
        self.receiver.handle_timer(now_us)
        self.said += self.receiver.poll_controls()

    def deliver(self, now_us: int) -> list[int]:
        return [delivery.packet_index for delivery in self.receiver.poll_deliveries(now_us)]

    @property
    def naks(self) -> list[list[tuple[int, int]]]:
        return [decode_loss_report(said.body) for said in self.said if said.control_type == ControlType.NAK]

    @property
    def acks(self) -> list[tuple[int, int, int | None]]:
        """Number, next sequence number and free places of each ACK."""
        found = []
        for said in self.said:
            if said.control_type == ControlType.ACK:
                datagram = encode_control(ControlType.ACK, timestamp_us=0, dst_socket_id=0, info=said.info)
                ack = decode_ack(decode_header(datagram), said.body)
                found.append((ack.ack_number, ack.next_seqno, ack.available_buffer_packets))
        return found


def test_packets_are_delivered_in_order_one_latency_after_their_origin() -> None:
    rig = Rig()
    assert rig.take(501, 500) == [Arrival.NEW, Arrival.NEW]
    assert rig.receiver.poll_delivery_timer() == LATENCY_US
    assert rig.deliver(LATENCY_US - 1) == []
    delivered = rig.receiver.poll_deliveries(LATENCY_US)
    assert [(item.packet_index, item.payload, item.origin_us) for item in delivered] == [
        (500, b"500", 0),
        (501, b"501", 0),
    ]
    assert rig.receiver.poll_delivery_timer() is None
    assert rig.receiver.statistics.delivered_packets == 2


def test_a_payload_kept_elsewhere_is_counted_by_its_length() -> None:
    rig = Rig()
    rig.receiver.handle_data(500, 0, b"", 0, payload_bytes=1316)
    rig.receiver.handle_data(501, 0, b"abc", 0)
    assert rig.receiver.statistics.received_payload_bytes == 1319


def test_a_packet_that_comes_again_is_told_from_one_that_comes_too_late() -> None:
    rig = Rig()
    rig.take(500, 501)
    assert rig.take(501) == [Arrival.DUPLICATE]
    rig.deliver(LATENCY_US)
    assert rig.take(501, 499) == [Arrival.BELATED, Arrival.BELATED]
    stats = rig.receiver.statistics
    assert (stats.received_packets, stats.unique_packets) == (5, 2)
    assert (stats.duplicate_packets, stats.belated_packets) == (1, 2)


def test_even_a_belated_packet_says_how_much_time_has_passed() -> None:
    rig = Rig()
    rig.take(500)
    rig.deliver(LATENCY_US)
    hour_us = 3_600_000_000
    rig.take(500, at_us=hour_us)
    assert rig.receiver.clock.origin_us(hour_us % (1 << 32)) == hour_us


def test_a_gap_is_reported_at_once() -> None:
    rig = Rig()
    rig.take(500, 504)
    assert rig.naks == [[(501, 503)]]
    assert rig.receiver.statistics.lost_packets == 3
    rig.take(506)
    assert rig.naks[1:] == [[(505, 505)]]


def test_losses_before_the_first_packet_are_reported_too() -> None:
    rig = Rig()
    rig.take(502)
    assert rig.naks == [[(500, 501)]]


def test_what_stays_missing_is_reported_periodically() -> None:
    rig = Rig()
    rig.take(500, 503, 505)
    interval_us = rig.receiver.round_trip.nak_interval_us
    assert rig.receiver.poll_timer() == 10_000
    rig.tick(interval_us - 1)
    assert len(rig.naks) == 2
    rig.tick(interval_us)
    assert rig.naks[2:] == [[(501, 502), (504, 504)]]
    rig.take(501, at_us=interval_us)
    rig.tick(2 * interval_us)
    assert rig.naks[3:] == [[(502, 502), (504, 504)]]
    assert rig.receiver.statistics.naks_sent_packets == len(rig.naks) == 4


def test_reports_end_when_nothing_is_missing() -> None:
    rig = Rig()
    rig.take(500, 502, 501)
    rig.tick(150_000)
    rig.tick(1_000_000)
    assert len(rig.naks) == 1
    assert rig.receiver.statistics.recovered_packets == 0


def test_only_a_resent_packet_counts_as_recovered() -> None:
    rig = Rig()
    rig.take(500, 502)
    rig.receiver.handle_data(501, 0, b"501", 5, retransmitted=True)
    assert rig.receiver.statistics.recovered_packets == 1


def test_loss_reports_run_across_the_wrap() -> None:
    rig = Rig(first=WRAP - 2)
    rig.take(WRAP - 2, WRAP + 2)
    assert rig.naks == [[(WRAP - 1, 1)]]
    rig.take(WRAP, WRAP - 1, WRAP + 1)
    assert rig.deliver(LATENCY_US) == list(range(WRAP - 2, WRAP + 3))


def test_what_is_missing_at_delivery_time_is_given_up() -> None:
    rig = Rig()
    rig.take(500)
    rig.take(503, at_us=10_000)
    assert rig.deliver(LATENCY_US) == [500]
    assert rig.deliver(LATENCY_US + 9_999) == []
    assert rig.deliver(LATENCY_US + 10_000) == [503]
    assert rig.receiver.statistics.dropped_packets == 2
    assert rig.receiver.ack_index == 504
    assert rig.take(501) == [Arrival.BELATED]


def test_an_earlier_stamp_behind_a_later_one_waits_for_its_turn() -> None:
    rig = Rig()
    rig.receiver.handle_data(500, 50_000, b"later", 50_000)
    rig.receiver.handle_data(501, 0, b"earlier", 50_000)
    assert rig.deliver(LATENCY_US) == []
    assert rig.deliver(LATENCY_US + 50_000) == [500, 501]


def test_a_full_ack_says_position_round_trip_and_room() -> None:
    rig = Rig(window=100)
    rig.take(500, 501)
    rig.tick(9_999)
    assert rig.acks == []
    rig.tick(10_000)
    assert rig.said[-1].body == words(502, 100_000, 50_000, 98, 0, 0, 0)
    assert rig.acks == [(1, 502, 98)]


def test_an_ack_stops_at_the_first_missing_packet() -> None:
    rig = Rig()
    rig.take(500, 502)
    rig.tick(10_000)
    assert rig.acks == [(1, 501, 97)]


def test_an_ack_wraps_its_position() -> None:
    rig = Rig(first=WRAP - 1)
    rig.take(WRAP - 1, WRAP)
    rig.tick(10_000)
    assert rig.acks[0][:2] == (1, 1)


def test_64_packets_within_10_ms_are_acknowledged_by_a_light_ack() -> None:
    rig = Rig()
    rig.take(*range(500, 563))
    assert rig.acks == []
    rig.take(563)
    assert rig.acks == [(0, 564, None)]
    assert rig.said[0].body == words(564)
    assert rig.receiver.statistics.acks_sent_packets == 1


def test_an_ackack_gives_the_round_trip_and_ends_repetition() -> None:
    rig = Rig()
    rig.take(500)
    rig.tick(10_000)
    rig.receiver.handle_ackack(1, 40_000, 40_000)
    assert rig.receiver.round_trip.rtt_us == 30_000
    rig.tick(1_000_000)
    assert len(rig.acks) == 1
    rig.receiver.handle_ackack(1, 50_000, 50_000)
    assert rig.receiver.round_trip.rtt_us == 30_000
    assert rig.receiver.statistics.ackacks_received_packets == 2


def test_an_ack_that_was_lost_is_sent_again() -> None:
    rig = Rig()
    rig.take(500)
    rig.tick(10_000)
    assert rig.receiver.poll_timer() == 10_000 + 100_000 + 4 * 50_000
    rig.tick(310_000)
    assert [ack[:2] for ack in rig.acks] == [(1, 501), (2, 501)]


def test_a_probe_is_a_full_ack_at_any_time() -> None:
    rig = Rig()
    rig.receiver.probe(5_000)
    rig.tick(5_000)
    assert rig.acks == [(1, 500, 100)]
    rig.receiver.handle_ackack(1, 9_000, 9_000)
    assert rig.receiver.round_trip.rtt_us == 4_000


def test_what_the_sender_gave_up_is_no_longer_asked_for() -> None:
    rig = Rig()
    rig.take(500, 504)
    rig.receiver.handle_drop_request(501, 502, 1_000)
    assert rig.receiver.losses.ranges() == [(503, 503)]
    rig.receiver.handle_drop_request(503, 503, 1_000)
    assert rig.receiver.ack_index == 505
    assert rig.deliver(LATENCY_US) == [500, 504]


def test_a_drop_request_ahead_moves_the_end_so_that_no_gap_is_seen() -> None:
    rig = Rig()
    rig.take(500)
    rig.receiver.handle_drop_request(500, 509, 0)
    rig.take(510)
    assert rig.naks == []
    assert rig.receiver.ack_index == 511


def test_a_drop_request_that_leaves_a_gap_before_it_hides_nothing() -> None:
    rig = Rig()
    rig.take(500)
    rig.receiver.handle_drop_request(502, 509, 0)
    rig.take(510)
    assert rig.naks == [[(501, 509)]]


def test_a_drop_request_across_the_wrap_is_understood() -> None:
    rig = Rig(first=WRAP - 3)
    rig.take(WRAP - 3, WRAP + 3)
    rig.receiver.handle_drop_request(WRAP - 2, 2, 0)
    assert len(rig.receiver.losses) == 0


def test_a_packet_that_came_is_kept_whatever_a_drop_request_says() -> None:
    rig = Rig()
    rig.take(500, 501)
    rig.receiver.handle_drop_request(500, 501, 0)
    assert rig.deliver(LATENCY_US) == [500, 501]


@pytest.mark.parametrize(("last", "is_believed"), [(FIRST + 99, True), (FIRST + 100, False)])
def test_a_drop_request_is_believed_up_to_the_window_and_no_further(last: int, is_believed: bool) -> None:
    rig = Rig(window=100)
    rig.receiver.handle_drop_request(FIRST, last, 0)
    assert rig.receiver.ack_index == (last + 1 if is_believed else FIRST)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (0, (1 << 30) - 1),
        (FIRST, FIRST + (1 << 29)),
        (WRAP - 1, FIRST - 1),
        ((1 << 30) + FIRST - 2, (1 << 30) + FIRST),
    ],
)
def test_a_hostile_drop_request_changes_nothing(first: int, last: int) -> None:
    rig = Rig()
    rig.take(500, 502)
    before = rig.receiver.losses.ranges(), rig.receiver.ack_index
    rig.receiver.handle_drop_request(first, last, 0)
    if not first <= 501 <= last:
        assert (rig.receiver.losses.ranges(), rig.receiver.ack_index) == before
    assert rig.take(503) == [Arrival.NEW]
    assert rig.deliver(LATENCY_US) == [500, 502, 503]


def test_the_last_packet_of_the_window_is_taken() -> None:
    rig = Rig(window=100)
    assert rig.take(FIRST + 99) == [Arrival.NEW]
    assert rig.receiver.available_packets == MIN_ADVERTISED_PACKETS


def test_a_full_buffer_keeps_what_it_has_and_leaves_what_is_just_beyond() -> None:
    rig = Rig(window=10)
    rig.take(*range(500, 510))
    assert rig.take(510, 511) == [Arrival.OVERFLOWED, Arrival.OVERFLOWED]
    assert rig.receiver.statistics.overflowed_packets == 2
    assert rig.receiver.ack_index == 510
    assert rig.deliver(LATENCY_US) == list(range(500, 510))
    assert rig.take(510, at_us=LATENCY_US) == [Arrival.NEW]


def test_a_sender_that_was_told_of_a_full_buffer_is_told_when_there_is_room() -> None:
    rig = Rig(window=10)
    rig.take(*range(500, 510))
    rig.tick(10_000)
    assert rig.acks == [(1, 510, MIN_ADVERTISED_PACKETS)]
    rig.receiver.handle_ackack(1, 20_000, 20_000)
    rig.tick(LATENCY_US - 1)
    assert len(rig.acks) == 1
    rig.deliver(LATENCY_US)
    assert rig.receiver.poll_timer() == LATENCY_US + 10_000
    rig.tick(LATENCY_US + 10_000)
    assert rig.acks[1:] == [(2, 510, 10)]


def test_a_sender_far_beyond_the_window_has_given_up_what_lies_between() -> None:
    rig = Rig(window=10)
    rig.take(500, 501)
    assert rig.take(600) == [Arrival.NEW]
    assert rig.receiver.statistics.dropped_packets == 600 - 10 + 1 - 500
    assert rig.naks == [[(591, 599)]]
    assert rig.take(590, 591) == [Arrival.BELATED, Arrival.NEW]
    assert rig.deliver(2 * LATENCY_US) == [591, 600]


def test_a_leap_of_half_the_sequence_numbers_costs_no_more_than_the_window() -> None:
    rig = Rig(window=10)
    rig.take(FIRST + (1 << 30) - 2)
    assert len(rig.receiver.losses) == 9
    assert len(rig.naks) == 1


def test_a_packet_from_the_older_half_of_the_sequence_numbers_is_belated() -> None:
    rig = Rig(window=10)
    assert rig.take(FIRST - 1, FIRST + (1 << 30)) == [Arrival.BELATED, Arrival.BELATED]
    assert rig.receiver.buffered_packets == 0


def test_the_delivery_index_is_what_comes_next() -> None:
    rig = Rig()
    assert rig.receiver.delivery_index == FIRST
    rig.take(500, 502)
    rig.deliver(LATENCY_US)
    assert rig.receiver.delivery_index == 503


def test_it_expects_what_lies_within_its_window_and_is_not_delivered() -> None:
    rig = Rig(first=WRAP - 3, window=10)
    rig.take(WRAP - 3, WRAP - 1)
    expected = [(WRAP - 4, False), (WRAP - 3, True), (WRAP - 2, True), (WRAP + 6, True), (WRAP + 7, False)]
    assert [(seqno, rig.receiver.expects(seqno % WRAP)) for seqno, _ in expected] == expected
    rig.deliver(LATENCY_US)
    assert [rig.receiver.expects(seqno % WRAP) for seqno in (WRAP - 1, WRAP, WRAP + 9)] == [False, True, True]


def run_of(rig: Rig, seqno: int, packets: int, *, at_us: int = 0) -> list[int]:
    """Have a run taken that was stamped ``at_us``, a microsecond apart; return the origins."""
    assert rig.receiver.takes_run(seqno % WRAP, packets)
    timestamps_us = list(range(at_us, at_us + packets))
    origins_us = rig.receiver.handle_run(timestamps_us, at_us, payload_bytes=10 * packets)
    rig.said += rig.receiver.poll_controls()
    return origins_us


def test_a_run_is_taken_as_its_packets_would_be() -> None:
    rig = Rig()
    assert run_of(rig, 500, 40, at_us=1_000) == list(range(1_000, 1_040))
    assert run_of(rig, 540, 40, at_us=2_000) == list(range(2_000, 2_040))
    stats = rig.receiver.statistics
    assert (stats.received_packets, stats.unique_packets, stats.received_payload_bytes) == (80, 80, 800)
    assert rig.acks == [(0, 564, None)]
    assert rig.receiver.poll_timer() == 11_000
    assert rig.deliver(1_019 + LATENCY_US) == list(range(500, 520))
    assert (rig.receiver.delivery_index, rig.receiver.buffered_packets) == (520, 60)


def test_only_what_follows_the_newest_packet_and_fits_is_taken_as_a_run() -> None:
    rig = Rig()
    rig.take(500)
    assert not rig.receiver.takes_run(500, 1)
    assert not rig.receiver.takes_run(502, 1)
    assert rig.receiver.takes_run(501, 99)
    assert not rig.receiver.takes_run(501, 100)


def test_a_run_after_a_loss_is_acknowledged_up_to_the_loss() -> None:
    rig = Rig()
    rig.take(500, 502)
    run_of(rig, 503, 70)
    assert rig.acks == [(0, 501, None)]
    assert rig.receiver.losses.ranges() == [(501, 501)]
