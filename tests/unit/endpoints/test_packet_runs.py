"""Which packets of a batch are taken together."""

from itertools import pairwise

import numpy as np
import pytest
from tests.support.srt_datagrams import HERE, control, data

from headrace.base.datagram_batch import DatagramBatch
from headrace.endpoints.packet_columns import PacketColumns
from headrace.endpoints.packet_runs import PacketRuns
from headrace.srt.packet import ControlType

ONE, OTHER = 0x4000_0001, 0x4000_0002
UNIT = (b"\x47\x40\x11\x10" + bytes(184)) * 7


def runs_of(datagrams: list[bytes], rows: list[int] | None = None) -> PacketRuns:
    batch = DatagramBatch(len(datagrams))
    for datagram in datagrams:
        batch.append(datagram, HERE)
    return PacketRuns.of(PacketColumns.of(batch), np.array(rows or range(len(datagrams)), np.intp))


def lengths_of(datagrams: list[bytes], rows: list[int] | None = None) -> list[int]:
    return [end - begin for begin, end in pairwise(runs_of(datagrams, rows).bounds)]


def test_consecutive_packets_of_one_connection_are_a_run() -> None:
    assert lengths_of([data(seqno, to=ONE) for seqno in (5, 6, 7)] + [data(8, to=OTHER), data(9, to=OTHER)]) == [
        3,
        2,
    ]


def test_a_run_goes_on_where_the_sequence_numbers_wrap() -> None:
    assert lengths_of([data(seqno, to=ONE) for seqno in (0x7FFF_FFFE, 0x7FFF_FFFF, 0, 1)]) == [4]


@pytest.mark.parametrize(
    "odd",
    [
        data(8, to=ONE),
        data(6, to=ONE),
        data(7, to=OTHER),
        data(7, word1=0xE400_0001, to=ONE),
        data(7, word1=0xE800_0001, to=ONE),
        data(7, word1=0xF000_0001, to=ONE),
        data(7, word1=0xA000_0001, to=ONE),
        data(7, word1=0x6000_0001, to=ONE),
        data(7, b"", to=ONE),
        data(7, bytes(1457), to=ONE),
        control(ControlType.ACKACK, to=ONE),
    ],
)
def test_whatever_else_stands_alone(odd: bytes) -> None:
    first, last = [data(5, to=ONE), data(6, to=ONE)], [data(8, to=ONE), data(9, to=ONE)]
    assert lengths_of([*first, odd, *last])[:2] == [2, 1] or lengths_of([*first, odd, *last]) == [2, 3]


def test_rows_that_are_apart_are_not_one_run() -> None:
    assert lengths_of([data(seqno, to=ONE) for seqno in (5, 9, 6, 7)], [0, 2, 3]) == [1, 2]


def test_a_packet_alone_and_none_at_all_are_runs_too() -> None:
    assert lengths_of([data(5, to=ONE)]) == [1]
    assert lengths_of([]) == []


def test_units_and_lengths_are_those_of_the_rows() -> None:
    runs = runs_of(
        [control(2, to=3), data(5, UNIT, to=ONE), data(6, b"abc", to=ONE), data(7, UNIT, to=ONE)], [1, 2, 3]
    )
    assert runs.bounds == [0, 3]
    assert runs.lengths == [1316, 3, 1316]
    assert runs.headers[1] == [6, 0xE000_0001, 0, ONE]
    assert runs.unit_starts_of(0, 3) == ([*range(7), *range(14, 21)], [0x11] * 14)
    assert runs.unit_starts_of(1, 3) == ([*range(7, 14)], [0x11] * 7)


def test_units_are_those_of_each_run_whatever_lies_between() -> None:
    first = [data(seqno, UNIT, to=ONE) for seqno in (5, 6)]
    second = [data(seqno, UNIT, to=OTHER) for seqno in (8, 9)]
    runs = runs_of([control(2, to=ONE), *first, data(3, UNIT, to=ONE), bytes(3), *second])
    assert runs.bounds == [0, 1, 3, 4, 5, 7]
    assert runs.lengths[4] == 3 - 16
    for begin, end in ((1, 3), (5, 7)):
        assert runs.unit_starts_of(begin, end).places == list(range(14))
