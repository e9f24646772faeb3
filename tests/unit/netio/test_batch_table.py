"""The table of a batch that is sent: what the kernel finds at the addresses in it."""

import ctypes

from headrace.base.datagram_batch import DatagramBatch
from headrace.base.sockaddr import SOCKADDR_BYTES, encode_sockaddr
from headrace.netio import libc
from headrace.netio.batch_table import BatchTable


def test_each_message_names_the_address_and_the_bytes_of_its_row_whatever_is_put_there_later() -> None:
    batch = DatagramBatch(3)
    table = BatchTable(batch)
    addresses = [encode_sockaddr("127.0.0.1", port) for port in (1, 2, 3)]
    for datagram, address in zip((b"a", b"bc", b"def"), addresses, strict=True):
        batch.append(datagram, address)
    table.lengths[:] = batch.lengths
    for row, message in enumerate(table.messages.tolist()):
        assert ctypes.string_at(message[libc.NAME], message[libc.NAME_BYTES]) == addresses[row]
        assert message[libc.NAME_BYTES] == SOCKADDR_BYTES
        assert message[libc.IOVEC_COUNT] == 1
        assert message[libc.CONTROL_BYTES] == message[libc.FLAGS] == 0
        begin, length = (ctypes.c_int64 * 2).from_address(message[libc.IOVECS])
        assert ctypes.string_at(begin, length) == batch.datagram(row)
