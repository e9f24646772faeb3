"""ACKs of many subscribers decoded, settled and answered at once."""

import numpy as np
import pytest
from tests.support.fanout_tables import subscribe
from tests.support.srt_datagrams import control, words

from headrace.base.datagram_batch import DatagramBatch
from headrace.fanout.acknowledgements import (
    ACKACK_INTERVAL_US,
    EAGER_ACKACKS,
    TOGETHER_ROWS,
    AckackDue,
    AckColumns,
    decode_acks,
    settle_acks,
)
from headrace.fanout.subscriber_table import SubscriberTable
from headrace.srt.packet import ControlType

WRAP = 1 << 31


def ack(next_seqno: int, *rest: int, number: int = 0) -> bytes:
    return control(ControlType.ACK, words(next_seqno % WRAP, *rest), info=number)


def full(next_seqno: int, number: int, *, rtt_us: int = 30_000, room: int = 77) -> bytes:
    return ack(next_seqno, rtt_us, 4_000, room, 1, 2, 3, number=number)


def decode(*datagrams: bytes, dirt: int = 0) -> AckColumns:
    batch = DatagramBatch(len(datagrams))
    batch.data[:] = dirt
    for datagram in datagrams:
        assert batch.append(datagram, bytes(28))
    return decode_acks(batch.data[:, :32].view(">u4").astype(np.uint32), batch.lengths)


def settle(table: SubscriberTable, now_us: int, *answers: tuple[int, bytes]) -> list[tuple[int, int]]:
    """Settle ``(row, datagram)``; return the row and number of each ACKACK that is due."""
    rows = np.array([row for row, _ in answers], np.intp)
    due: AckackDue = settle_acks(table, rows, decode(*(datagram for _, datagram in answers)), now_us)
    return list(zip(due.rows.tolist(), due.ack_number.tolist(), strict=True))


def sent(table: SubscriberTable, number: int, *, packets: int, send_seqno: int = 100, next_index: int = 0) -> int:
    row = subscribe(table, number, send_seqno=send_seqno, next_index=next_index)
    table.rows["next_index"][row] += packets
    return row


@pytest.mark.parametrize("dirt", [0, 255])
def test_light_small_and_full_acks_are_told_apart_whatever_an_earlier_datagram_left(dirt: int) -> None:
    columns = decode(ack(5), ack(6, 1, 2, 3, number=4), full(7, 8), dirt=dirt)
    assert columns.is_valid.all()
    assert columns.is_full.tolist() == [False, True, True]
    assert columns.ack_number.tolist() == [0, 4, 8]
    assert columns.next_seqno.tolist() == [5, 6, 7]
    assert columns.rtt_us.tolist() == [0, 1, 30_000]
    assert columns.rtt_variance_us.tolist() == [0, 2, 4_000]
    assert columns.available_packets.tolist() == [0, 3, 77]


def test_short_and_impossible_acks_are_not_valid() -> None:
    cut = ack(5)[:-1]
    impossible = control(ControlType.ACK, words(0x8000_0000))
    highest = control(ControlType.ACK, words(0x7FFF_FFFF))
    assert decode(cut, control(ControlType.ACK), impossible, highest).is_valid.tolist() == [
        False,
        False,
        False,
        True,
    ]


def test_one_byte_less_than_four_words_is_a_light_ack() -> None:
    columns = decode(ack(5, 1, 2, 3)[:-1], ack(5, 1, 2, 3))
    assert columns.is_full.tolist() == [False, True]
    assert columns.rtt_us.tolist() == [0, 1]


def test_selected_packets_keep_all_their_columns() -> None:
    columns = decode(ack(5), full(7, 8)).select(np.array([False, True]))
    assert [column.tolist() for column in columns] == [[8], [7], [30_000], [4_000], [77], [True], [True]]


def test_a_full_ack_moves_its_subscriber_and_nobody_else() -> None:
    table = SubscriberTable()
    row, other = sent(table, 1, packets=50), sent(table, 2, packets=50)
    settle(table, 0, (row, full(120, 1)))
    entry = table.rows[row]
    assert entry["acked_index"] == 20
    assert (entry["rtt_us"], entry["rtt_variance_us"], entry["available_packets"]) == (30_000, 4_000, 77)
    assert entry["acks_packets"] == 1
    assert table.rows[other]["acked_index"] == 0
    assert table.rows[other]["rtt_us"] == 100_000


def test_a_light_ack_leaves_the_round_trip_alone() -> None:
    table = SubscriberTable()
    row = sent(table, 1, packets=50)
    assert settle(table, 0, (row, ack(110))) == []
    assert table.rows[row]["acked_index"] == 10
    assert table.rows[row]["rtt_us"] == 100_000


def test_positions_run_across_the_wrap_of_the_subscriber_s_numbers() -> None:
    table = SubscriberTable()
    row = sent(table, 1, packets=50, send_seqno=WRAP - 10, next_index=1_000)
    settle(table, 0, (row, full(15, 1)))
    assert table.rows[row]["acked_index"] == 1_025


def test_an_old_ack_moves_nothing_back_and_one_of_the_unsent_nothing_ahead() -> None:
    table = SubscriberTable()
    row = sent(table, 1, packets=50)
    settle(table, 0, (row, full(140, 1)), (row, full(120, 2)), (row, full(151, 3)))
    assert table.rows[row]["acked_index"] == 40
    settle(table, 0, (row, full(150, 4)))
    assert table.rows[row]["acked_index"] == 50


def test_of_several_acks_of_one_subscriber_all_count_and_the_newest_is_answered() -> None:
    table = SubscriberTable()
    one, other = sent(table, 1, packets=50), sent(table, 2, packets=50)
    due = settle(
        table,
        0,
        (one, full(110, 7, rtt_us=1)),
        (other, full(105, 3)),
        (one, full(130, 8, rtt_us=2)),
        (one, ack(131)),
    )
    assert sorted(due) == sorted([(one, 8), (other, 3)])
    assert table.rows[one]["acked_index"] == 31
    assert table.rows[one]["acks_packets"] == 3
    assert table.rows[one]["rtt_us"] == 2


def test_the_first_20_are_all_answered_and_then_one_in_each_eighth_of_a_second() -> None:
    table = SubscriberTable()
    row = sent(table, 1, packets=50)
    for number in range(1, EAGER_ACKACKS + 1):
        assert settle(table, number, (row, full(100, number))) == [(row, number)]
    number, next_us = EAGER_ACKACKS + 1, ACKACK_INTERVAL_US
    assert settle(table, next_us - 1, (row, full(100, number))) == []
    assert settle(table, next_us + 40_000, (row, full(100, number + 1))) == [(row, number + 1)]
    assert settle(table, 2 * next_us - 1, (row, full(100, number + 2))) == []
    assert settle(table, 2 * next_us, (row, full(100, number + 3))) == [(row, number + 3)]


def test_neighbours_are_answered_together_and_a_crowd_is_not() -> None:
    table = SubscriberTable()
    rows = [sent(table, number, packets=50) for number in range(2 * TOGETHER_ROWS)]
    table.rows["acks_packets"] = EAGER_ACKACKS
    answered_at: dict[int, int] = {}
    for now_us in range(0, 3 * ACKACK_INTERVAL_US, 5_000):
        due = settle(table, now_us, *((row, full(100, 1 + now_us)) for row in rows))
        answered_at |= {row: now_us for row, _ in due}
    times_us = [answered_at[row] for row in rows]
    assert len(set(times_us[:TOGETHER_ROWS])) == len(set(times_us[TOGETHER_ROWS:])) == 1
    assert times_us[0] != times_us[-1]


def test_no_acks_are_no_trouble() -> None:
    table = SubscriberTable()
    due = settle_acks(table, np.zeros(0, np.intp), decode(ack(1)).select(np.array([False])), 0)
    assert len(due.rows) == len(due.ack_number) == 0
