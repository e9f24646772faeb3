"""Acknowledgements of many subscribers settled at once. The scalar twin is `headrace.srt.packet.decode_ack`.

Source: draft-sharabayko-srt, 3.2.4; ``docs/internals/srt.md``, "what a sender owes a receiver".
"""

from typing import Final, NamedTuple

import numpy as np

from headrace.base.datagram_batch import BoolArray, I64Array, U32Array
from headrace.base.seqno import SEQNO_MASK
from headrace.fanout.subscriber_table import Rows, SubscriberTable
from headrace.srt.packet import CONTROL_BIT, HEADER_BYTES

EAGER_ACKACKS: Final = 20
"""So many full ACKs of a subscriber are all answered, so that it knows its round trip at once."""
ACKACK_INTERVAL_US: Final = 125_000
"""Then its newest is, 8 times a second: of 5 to 10 measured as enough, at a tenth of the cost of all."""
TOGETHER_ROWS: Final = 64
"""So many neighbours in the table are answered in the same milliseconds, so with one system call: a call costs as
much as ten ACKACKs in it. More in one go would keep video waiting."""
ACK_WORDS: Final = HEADER_BYTES // 4 + 4
"""What is used of an ACK."""

_PHASE_US: Final = ACKACK_INTERVAL_US // 8
_LIGHT_ACK_BYTES: Final = HEADER_BYTES + 4
_FULL_ACK_BYTES: Final = HEADER_BYTES + 16


class AckColumns(NamedTuple):
    """ACK packets as columns, each of shape ``(n,)``.

    Attributes:
        ack_number: 0 in a light ACK.
        next_seqno: As on the wire: first one not received.
        rtt_us: 0 where ``is_full`` is False.
        rtt_variance_us: 0 where ``is_full`` is False.
        available_packets: 0 where ``is_full`` is False.
        is_full: Whether the packet says more than ``next_seqno``.
        is_valid: Whether it can be believed at all.
    """

    ack_number: U32Array
    next_seqno: I64Array
    rtt_us: U32Array
    rtt_variance_us: U32Array
    available_packets: U32Array
    is_full: BoolArray
    is_valid: BoolArray

    def select(self, keep: BoolArray) -> "AckColumns":
        """Return the packets where ``keep``, of shape ``(n,)``, is True."""
        return AckColumns(
            self.ack_number[keep],
            self.next_seqno[keep],
            self.rtt_us[keep],
            self.rtt_variance_us[keep],
            self.available_packets[keep],
            self.is_full[keep],
            self.is_valid[keep],
        )


def decode_acks(words: U32Array, lengths: I64Array) -> AckColumns:
    """Return the ACK packets that begin with ``words``.

    Args:
        words: First words of each datagram in host order, whatever it has of them; shape ``(n, 8)``.
        lengths: Bytes of each datagram; shape ``(n,)``.
    """
    is_full = lengths >= _FULL_ACK_BYTES
    details = words[:, 5:ACK_WORDS] * is_full[:, None]
    next_seqno = words[:, 4].astype(np.int64)
    is_valid = (lengths >= _LIGHT_ACK_BYTES) & (next_seqno < CONTROL_BIT)
    return AckColumns(words[:, 1], next_seqno, details[:, 0], details[:, 1], details[:, 2], is_full, is_valid)


class AckackDue(NamedTuple):
    """Which subscribers' ACKs are to be answered now; each of shape ``(k,)``.

    Attributes:
        rows: Rows of the table, none twice.
        ack_number: The newest full ACK of each.
    """

    rows: Rows
    ack_number: U32Array


def settle_acks(table: SubscriberTable, rows: Rows, acks: AckColumns, now_us: int) -> AckackDue:
    """Write ``acks`` of subscribers ``rows`` into the table; return which to answer.

    Args:
        table: Is changed.
        rows: Row of each ACK; a row may stand there several times; shape ``(n,)``.
        acks: Valid ones only; columns of shape ``(n,)``.
        now_us: The time.
    """
    entries = table.rows
    next_index = entries["next_index"][rows]
    ahead = ((acks.next_seqno - entries["seqno_offset"][rows] - next_index + (1 << 30)) & SEQNO_MASK) - (1 << 30)
    # Who acknowledges what it was not sent acknowledges nothing: no index is below 0.
    np.maximum.at(entries["acked_index"], rows, (next_index + ahead) * (ahead <= 0))
    np.add.at(entries["acks_packets"], rows, 1)
    # Nearly always all are full, and a slice makes no copies.
    full = slice(None) if np.count_nonzero(acks.is_full) == len(rows) else acks.is_full
    full_rows = rows[full]
    entries["rtt_us"][full_rows] = acks.rtt_us[full]
    entries["rtt_variance_us"][full_rows] = acks.rtt_variance_us[full]
    entries["available_packets"][full_rows] = acks.available_packets[full]
    return _ackacks_due(table, rows, acks, now_us)


def _ackacks_due(table: SubscriberTable, rows: Rows, acks: AckColumns, now_us: int) -> AckackDue:
    entries = table.rows
    is_due = (entries["acks_packets"][rows] <= EAGER_ACKACKS) | (entries["next_ackack_us"][rows] <= now_us)
    due = np.flatnonzero(is_due & (acks.ack_number != 0))[::-1]
    if not len(due):
        return AckackDue(rows[:0], acks.ack_number[:0])
    answered, newest = np.unique(rows[due], return_index=True)
    phases_us = answered // TOGETHER_ROWS * _PHASE_US
    entries["next_ackack_us"][answered] = now_us + ACKACK_INTERVAL_US - (now_us + phases_us) % ACKACK_INTERVAL_US
    return AckackDue(answered, acks.ack_number[due[newest]])
