from collections.abc import Iterable

from headrace.remux.reorder_buffer import (
    ASK_AGAIN_US,
    MAX_AHEAD_PACKETS,
    MAX_ASKS,
    MAX_GAP_PACKETS,
    MAX_LATE_RUN_PACKETS,
    MAX_NACKS,
    REORDERING_US,
    ReorderBuffer,
)
from headrace.webrtc.rtp import RtpPacket

WAIT_US = 100_000


def buffer(*seqnos: int, now_us: int = 0) -> ReorderBuffer:
    held = ReorderBuffer(WAIT_US)
    add(held, seqnos, now_us)
    return held


def add(held: ReorderBuffer, seqnos: Iterable[int], now_us: int = 0) -> None:
    for seqno in seqnos:
        held.add(RtpPacket(96, seqno & 0xFFFF, 0, 1, b"x"), now_us)


def taken(held: ReorderBuffer, now_us: int = 0) -> list[tuple[int, bool]]:
    return [(packet.seqno, follows_loss) for packet, follows_loss in held.take(now_us)]


def test_packets_in_order_come_at_once_through_the_wrap() -> None:
    assert taken(buffer(0xFFFE, 0xFFFF, 0, 1)) == [(0xFFFE, False), (0xFFFF, False), (0, False), (1, False)]


def test_packets_that_overtook_another_wait_for_it() -> None:
    held = buffer(0xFFFE, 1, 0)
    assert taken(held) == [(0xFFFE, False)]
    add(held, [0xFFFF])
    assert taken(held) == [(0xFFFF, False), (0, False), (1, False)]
    assert held.lost_packets == 0


def test_what_never_comes_is_given_up_after_the_wait() -> None:
    held = buffer(1, 3)
    assert taken(held, WAIT_US - 1) == [(1, False)]
    assert held.poll_timer() == REORDERING_US
    assert taken(held, WAIT_US) == [(3, True)]
    assert held.lost_packets == 1
    assert held.poll_timer() is None
    add(held, [2])
    assert taken(held) == []
    assert held.drops["late_or_twice"] == 1


def test_each_gap_is_waited_for_on_its_own() -> None:
    held = buffer(1, 3)
    add(held, [5], now_us=50_000)
    assert taken(held, WAIT_US) == [(1, False), (3, True)]
    assert taken(held, WAIT_US + 50_000) == [(5, True)]


def test_a_packet_that_comes_twice_is_taken_once() -> None:
    held = buffer(1, 3, 3, 1, 2, 2)
    assert [seqno for seqno, _ in taken(held)] == [1, 2, 3]
    assert (held.received_packets, held.drops["late_or_twice"]) == (3, 3)


def test_missing_packets_are_asked_for_after_a_moment_and_again_but_not_for_ever() -> None:
    held = buffer(1, 4)
    assert held.poll_nacks(REORDERING_US - 1) == []
    assert held.poll_nacks(REORDERING_US) == [2, 3]
    assert held.poll_nacks(REORDERING_US) == []
    assert held.poll_timer() == REORDERING_US + ASK_AGAIN_US
    add(held, [2])
    asked = [held.poll_nacks(REORDERING_US + number * ASK_AGAIN_US) for number in range(1, MAX_ASKS + 2)]
    assert asked == [[3]] * (MAX_ASKS - 1) + [[], []]


def test_one_report_has_a_limit() -> None:
    held = buffer(0, MAX_NACKS + 2)
    assert len(held.poll_nacks(WAIT_US)) == MAX_NACKS
    assert len(held.poll_nacks(WAIT_US)) == 1


def test_a_long_gap_is_a_new_beginning() -> None:
    held = buffer(0, MAX_GAP_PACKETS)
    assert len(held.poll_nacks(WAIT_US)) == MAX_NACKS
    held = buffer(0)
    assert taken(held) == [(0, False)]
    add(held, [MAX_GAP_PACKETS + 1])
    assert taken(held) == [(MAX_GAP_PACKETS + 1, True)]
    assert held.drops["stream_began_anew"] == 1


def test_no_more_than_the_limit_is_held() -> None:
    held = buffer(0)
    taken(held)
    add(held, range(2, MAX_AHEAD_PACKETS + 1))
    assert held.drops["stream_began_anew"] == 0
    add(held, [MAX_AHEAD_PACKETS + 1])
    assert held.drops["stream_began_anew"] == 1
    assert taken(held) == [(MAX_AHEAD_PACKETS + 1, True)]


def test_a_stream_that_begins_anew_with_lower_numbers_is_taken_up() -> None:
    held = buffer(30_000)
    taken(held)
    add(held, range(100, 100 + MAX_LATE_RUN_PACKETS))
    assert taken(held) == [(100 + MAX_LATE_RUN_PACKETS - 1, True)]


def test_late_packets_between_good_ones_begin_nothing() -> None:
    held = buffer(1_000)
    for number in range(2 * MAX_LATE_RUN_PACKETS):
        add(held, [900, 1_001 + number])
    assert len(taken(held)) == 1 + 2 * MAX_LATE_RUN_PACKETS
    assert held.drops["stream_began_anew"] == 0
