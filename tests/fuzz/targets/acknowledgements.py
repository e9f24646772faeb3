"""Acknowledgements of many subscribers at once, against one after the other, and what they leave in the table."""

from random import Random
from typing import Final

import numpy as np
from tests.fuzz.reader import Reader
from tests.fuzz.target import Target
from tests.fuzz.wrong import make_wrong, pick_word
from tests.support.fanout_tables import subscribe
from tests.support.srt_datagrams import control, words

from headrace.base.datagram_batch import DatagramBatch
from headrace.base.errors import PacketError
from headrace.endpoints.packet_columns import PacketColumns
from headrace.fanout.acknowledgements import decode_acks, settle_acks
from headrace.fanout.subscriber_table import SubscriberTable
from headrace.srt.packet import HEADER_BYTES, Acknowledgement, ControlType, decode_ack, decode_header

_ADDRESS: Final = bytes(28)
_MOST_BYTES: Final = 60
_SUBSCRIBERS: Final = 4


def run(script: bytes) -> int:
    """Cut an input into datagrams, each behind its length, and take all of them as acknowledgements."""
    reader, datagrams = Reader(script), list[bytes]()
    while not reader.is_over:
        datagrams.append(reader.take(reader.below(_MOST_BYTES)))
    batch = DatagramBatch(len(datagrams))
    for datagram in datagrams:
        batch.append(datagram, _ADDRESS)
    packets = PacketColumns.of(batch)
    acks = decode_acks(packets.words, packets.lengths)
    for row, datagram in enumerate(datagrams):
        expected = _decode(datagram)
        assert bool(acks.is_valid[row]) == (expected is not None)
        if expected is not None:
            assert int(acks.next_seqno[row]) == expected.next_seqno
            assert int(acks.rtt_us[row]) == (expected.rtt_us or 0)
            assert int(acks.available_packets[row]) == (expected.available_buffer_packets or 0)
    table = SubscriberTable()
    rows = np.array([subscribe(table, number, next_index=number * 10) for number in range(_SUBSCRIBERS)])
    valid = acks.select(acks.is_valid)
    due = settle_acks(table, rows[np.arange(len(valid.next_seqno)) % _SUBSCRIBERS], valid, 1_000_000)
    entries = table.rows[rows]
    assert (entries["acked_index"] >= 0).all()
    assert (entries["acked_index"] <= entries["next_index"]).all()
    assert len(set(due.rows.tolist())) == len(due.rows) <= _SUBSCRIBERS
    return len(script)


def _decode(datagram: bytes) -> Acknowledgement | None:
    try:
        return decode_ack(decode_header(datagram), datagram[HEADER_BYTES:])
    except PacketError:
        return None


def _script(*datagrams: bytes) -> bytes:
    return b"".join(bytes([len(datagram)]) + datagram for datagram in datagrams)


def seeds() -> list[bytes]:
    """Return light, small and full ones."""
    light = control(ControlType.ACK, words(7))
    small = control(ControlType.ACK, words(7, 100_000, 50_000, 8192), info=1)
    full = control(ControlType.ACK, words(9, 100_000, 50_000, 8192, 1, 2, 3), info=2)
    return [_script(light), _script(full, small, light), _script(*[full] * 6), _script(light[:18], full[:30], b"")]


def wrong(script: bytes, random: Random) -> bytes:
    """Return the packets with one word wrong."""
    return make_wrong(script, random, pick_word)


TARGET = Target(run, seeds, wrong, lines_per_byte=30)
