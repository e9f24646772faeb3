"""Received datagrams as columns of header words."""

import numpy as np
from tests.support.srt_datagrams import HERE, THERE, control, data

from headrace.base.datagram_batch import DatagramBatch
from headrace.endpoints.packet_columns import PacketColumns
from headrace.fanout.acknowledgements import ACK_WORDS
from headrace.srt.packet import ControlType, decode_header

DATAGRAMS = [
    data(0x7FFF_FFFF, b"payload", timestamp_us=0xFFFF_FFFF, to=0xFFFF_FFFF),
    control(ControlType.NAK, b"body", info=5, to=3),
    bytes(15),
    b"",
    control(0x7FFF, to=0),
]


def batch_of(datagrams: list[bytes]) -> DatagramBatch:
    batch = DatagramBatch(len(datagrams) + 3)
    batch.data[:] = 0xEE
    for row, datagram in enumerate(datagrams):
        batch.append(datagram, HERE if row % 2 else THERE)
    return batch


def test_columns_are_what_the_scalar_decoder_says() -> None:
    packets = PacketColumns.of(batch_of(DATAGRAMS))
    for row in 0, 1, 4:
        header = decode_header(DATAGRAMS[row])
        assert packets.header(row) == header
        assert packets.dst_socket_id[row] == header.dst_socket_id
        assert packets.body(row) == packets.payload(row).tobytes() == DATAGRAMS[row][16:]
        if header.is_control:
            assert packets.control_type[row] == header.control_type
        else:
            assert packets.control_type[row] >= 0x8000


def test_short_datagrams_show_nothing_of_what_the_row_held_before() -> None:
    packets = PacketColumns.of(batch_of(DATAGRAMS))
    assert packets.words[2:4].tolist() == [[0] * ACK_WORDS] * 2
    assert packets.lengths.tolist() == [len(datagram) for datagram in DATAGRAMS]


def test_taken_packets_are_copies_in_the_order_asked_for() -> None:
    batch = batch_of(DATAGRAMS)
    taken = PacketColumns.of(batch).take(np.array([4, 1]))
    batch.data[:] = 0
    batch.addresses[:] = 0
    assert taken.header(0) == decode_header(DATAGRAMS[4])
    assert taken.body(1) == b"body"
    assert [taken.address(0), taken.address(1)] == [THERE, HERE]


def test_taken_packets_are_no_wider_than_the_longest_of_them() -> None:
    taken = PacketColumns.of(batch_of(DATAGRAMS)).take(np.array([4, 1]))
    assert taken.data.shape == (2, 20)


def test_an_empty_batch_has_no_packets() -> None:
    packets = PacketColumns.of(DatagramBatch(4))
    assert len(packets.words) == len(packets.dst_socket_id) == len(packets.control_type) == 0
