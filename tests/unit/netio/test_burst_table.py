"""Tables of bursts: made once, pointed at each burst's data."""

import ctypes

import numpy as np
import pytest

from headrace.base.datagram_batch import I64Array
from headrace.netio import libc
from headrace.netio.burst_table import MAX_PACKETS_PER_FILL, BurstTable

HEADER_BYTES = 16
PAYLOADS = np.array([9_000, 8_000, 7_000])


def iovecs_of(message: I64Array) -> list[list[int]]:
    """Return address and length of each piece, as the kernel reads them."""
    content = ctypes.string_at(int(message[libc.IOVECS]), 16 * int(message[libc.IOVEC_COUNT]))
    return np.frombuffer(content, np.int64).reshape(-1, 2).tolist()


def expected(peer: int, headers_address: int, payloads: I64Array, sizes: list[int]) -> list[list[int]]:
    pieces = []
    for packet, size in enumerate(sizes):
        header = headers_address + (peer * len(sizes) + packet) * HEADER_BYTES
        pieces += [[header, HEADER_BYTES], [int(payloads[packet]), size]]
    return pieces


def test_each_peer_has_its_name_and_its_pieces() -> None:
    table = BurstTable(2, HEADER_BYTES, [100, 100, 50], segmenting=True)
    table.point(1_000, 5_000, PAYLOADS)
    assert (table.peers, table.messages_a_peer, table.bytes_a_peer) == (2, 1, 298)
    for peer, message in enumerate(table.messages):
        assert message[libc.NAME] == 1_000 + 28 * peer
        assert iovecs_of(message) == expected(peer, 5_000, PAYLOADS, [100, 100, 50])
        control = ctypes.string_at(int(message[libc.CONTROL]), int(message[libc.CONTROL_BYTES]))
        assert int.from_bytes(control[16:18], "little") == 116


def test_pointers_follow_the_data_of_each_burst() -> None:
    table = BurstTable(2, HEADER_BYTES, [100, 100, 50], segmenting=True)
    for names, headers, payloads in (1_000, 5_000, PAYLOADS), (1_000, 6_000, PAYLOADS + 8), (900, 4_000, PAYLOADS):
        table.point(names, headers, payloads)
        assert table.messages[:, libc.NAME].tolist() == [names, names + 28]
        assert iovecs_of(table.messages[1]) == expected(1, headers, payloads, [100, 100, 50])


@pytest.mark.parametrize("segmenting", [False, True])
def test_what_is_not_of_one_length_needs_several_messages(segmenting: bool) -> None:
    table = BurstTable(2, HEADER_BYTES, [50, 100, 100], segmenting=segmenting)
    table.point(1_000, 5_000, PAYLOADS)
    assert table.messages_a_peer == (2 if segmenting else 3)
    mine, theirs = table.messages.reshape(2, -1, libc.MESSAGE_WORDS)
    assert set(mine[:, libc.NAME]) == {1_000}
    assert [piece for message in theirs for piece in iovecs_of(message)] == expected(
        1, 5_000, PAYLOADS, [50, 100, 100]
    )
    assert mine[0, libc.CONTROL_BYTES] == 0


def test_a_table_is_bounded_and_enough_when_it_is_full() -> None:
    most = MAX_PACKETS_PER_FILL // 64
    small, full = (BurstTable(peers, HEADER_BYTES, [100] * 64, segmenting=True) for peers in (most - 1, most + 1))
    assert (small.peers, full.peers) == (most - 1, most)
    assert small.is_enough_for(most - 2)
    assert small.is_enough_for(most - 1)
    assert not small.is_enough_for(most)
    assert full.is_enough_for(10 * most)


def test_one_peers_messages_always_fit() -> None:
    table = BurstTable(3, HEADER_BYTES, [100] * (libc.MAX_MESSAGES_PER_CALL + 1), segmenting=False)
    assert table.peers == 1
    assert len(table.messages) == libc.MAX_MESSAGES_PER_CALL + 1
