"""The table of subscribers: rows given, taken back, found, and never mistaken."""

import numpy as np
import pytest
from tests.support.fanout_tables import address, subscribe
from tests.support.srt_datagrams import PARAMETERS

from headrace.base.datagram_batch import U8Array, U32Array
from headrace.fanout.subscriber_table import MAX_SUBSCRIBERS, NONCE_BITS, ROW_BITS, SubscriberTable


def ids_of(table: SubscriberTable, *rows: int) -> U32Array:
    ids: U32Array = table.rows["socket_id"][list(rows)]
    return ids


def addresses(*numbers: int) -> U8Array:
    return np.frombuffer(b"".join(address(number) for number in numbers), np.uint8).reshape(-1, 28)


def test_a_row_holds_what_the_handshake_agreed_on() -> None:
    table = SubscriberTable()
    row = subscribe(table, 1, next_index=40, send_seqno=100, epoch_us=7_000)
    entry = table.rows[row]
    assert entry["socket_id"] & (MAX_SUBSCRIBERS - 1) == row
    assert entry["peer_socket_id"] == 5_001
    assert entry["address"].tobytes() == address(1)
    assert (entry["seqno_offset"], entry["epoch_us"]) == (60, 7_000)
    assert (entry["start_index"], entry["next_index"], entry["acked_index"]) == (40, 40, 40)
    assert (entry["rtt_us"], entry["rtt_variance_us"]) == (100_000, 50_000)
    assert entry["available_packets"] == PARAMETERS.peer_window_packets
    assert entry["heard_us"] == entry["sent_us"] == entry["connected_us"] == PARAMETERS.established_us
    assert entry["latency_us"] == PARAMETERS.send_latency_us
    assert table.count == 1
    assert table.used().tolist() == [row]


def test_socket_ids_are_never_0_and_leave_bit_30_clear() -> None:
    table = SubscriberTable()
    for nonce in (0, 1, (1 << NONCE_BITS) - 2, (1 << NONCE_BITS) - 1, 1 << NONCE_BITS, (1 << 64) - 1):
        socket_id = table.reserve(nonce)
        assert socket_id is not None
        assert 1 << ROW_BITS <= socket_id < 1 << 30


def test_a_reserved_row_is_free_until_it_is_added() -> None:
    table = SubscriberTable()
    assert table.reserve(5) == table.reserve(5)
    assert table.count == 0


def test_a_socket_id_that_was_not_reserved_last_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(AssertionError, match="reserve"):
        SubscriberTable().add(PARAMETERS, address(1), 0)


def test_the_table_grows_and_keeps_its_rows() -> None:
    table = SubscriberTable(capacity=2)
    rows = [subscribe(table, number) for number in range(9)]
    assert len(set(rows)) == 9
    assert len(table.rows) == 16
    assert table.find(ids_of(table, *rows), addresses(*range(9))).tolist() == rows


def test_a_table_of_the_largest_size_has_no_more_rows_to_give() -> None:
    table = SubscriberTable(capacity=MAX_SUBSCRIBERS)
    table._free = table._free[-1:]
    subscribe(table, 1)
    assert table.reserve(1) is None


def test_nobody_is_found_by_the_wrong_address_or_id() -> None:
    table = SubscriberTable()
    row = subscribe(table, 1)
    right = ids_of(table, row)
    wrong = np.array([right[0], right[0] ^ (1 << ROW_BITS), 0, right[0] + 1], np.uint32)
    assert table.find(wrong, addresses(2, 1, 1, 1)).tolist() == [-1, -1, -1, -1]
    assert table.find(right, addresses(1)).tolist() == [row]


def test_an_id_beyond_the_table_is_nobody_s() -> None:
    table = SubscriberTable(capacity=2)
    subscribe(table, 1)
    beyond = np.array([0xFFFF_FFFF, (1 << ROW_BITS) | 500], np.uint32)
    assert table.find(beyond, addresses(1, 1)).tolist() == [-1, -1]


def test_a_free_row_is_not_found_by_id_0_from_its_empty_address() -> None:
    table = SubscriberTable()
    assert table.find(np.zeros(1, np.uint32), np.zeros((1, 28), np.uint8)).tolist() == [-1]


def test_a_reused_row_is_the_new_subscriber_s_alone() -> None:
    table = SubscriberTable()
    row = subscribe(table, 1)
    old_id = ids_of(table, row).copy()
    table.rows["acks_packets"][row] = 99
    table.remove(row)
    assert table.used().tolist() == []
    assert table.find(old_id, addresses(1)).tolist() == [-1]
    assert subscribe(table, 2) == row
    assert table.find(old_id, addresses(1)).tolist() == [-1]
    assert table.find(old_id, addresses(2)).tolist() == [-1]
    assert table.find(ids_of(table, row), addresses(2)).tolist() == [row]
    assert table.rows["acks_packets"][row] == 0
    assert table.count == 1


def test_many_are_found_in_one_question_in_any_order() -> None:
    table = SubscriberTable()
    rows = [subscribe(table, number) for number in range(5)]
    order = [3, 0, 3, 4]
    ids = ids_of(table, *(rows[number] for number in order))
    assert table.find(ids, addresses(3, 0, 1, 4)).tolist() == [rows[3], rows[0], -1, rows[4]]


def test_gathered_columns_are_the_rows_values() -> None:
    table = SubscriberTable()
    rows = np.array([subscribe(table, number, next_index=number, epoch_us=number) for number in range(4)])
    columns = table.gather(rows[[2, 0]])
    assert columns.rows.tolist() == rows[[2, 0]].tolist()
    assert columns.peer_socket_id.tolist() == [5_002, 5_000]
    assert columns.seqno_offset.tolist() == [98, 100]
    assert columns.epoch_us.tolist() == columns.start_index.tolist() == [2, 0]
    assert columns.address.tobytes() == address(2) + address(0)
    assert all(column.flags.c_contiguous for column in columns)
    kept = columns.select(np.array([False, True]))
    assert kept.peer_socket_id.tolist() == [5_000]
    assert kept.address.tobytes() == address(0)


def test_a_subscriber_is_found_on_its_host_whatever_the_port() -> None:
    table = SubscriberTable()
    rows = [subscribe(table, number) for number in range(2)]
    ids = ids_of(table, *rows)
    moved = addresses(0, 1).copy()
    moved[:, 2:4] = 99
    assert table.find(ids, moved).tolist() == [-1, -1]
    assert table.find_on_host(ids, moved).tolist() == rows
    assert table.find_on_host(ids, moved[::-1]).tolist() == [-1, -1]
    assert table.find_on_host(ids ^ np.uint32(1 << ROW_BITS), moved).tolist() == [-1, -1]
    moved[:, 0] = 10  # another family
    assert table.find_on_host(ids, moved).tolist() == [-1, -1]
