"""Which packets prove that they are of a subscriber although they come from another port.

Source: ``docs/decisions/0013-nat-rebinding.md``.
"""

from typing import Final

from headrace.base.errors import PacketError
from headrace.base.seqno import SEQNO_MASK, unwrap_seqno
from headrace.fanout.subscriber_table import SubscriberTable
from headrace.srt.packet import ControlType, decode_loss_report
from headrace.srt.rebinding import KEEPALIVE_REBIND_SILENCE_US, REBIND_SILENCE_US

MAX_REBIND_CHECKS_PER_BATCH: Final = 64
"""So many strangers' packets of one batch are looked at one by one; a peer that moved sends another one soon."""
MAX_REBIND_REPORT_WORDS: Final = 8
"""A longer loss report is not believed: checking 364 words takes 3 ms, and an acknowledgement comes soon."""


def may_rebind(table: SubscriberTable, row: int, kind: int, body: bytes, now_us: int) -> bool:
    """Return whether a subscriber is to be followed to where this packet came from.

    Args:
        table: The subscribers.
        row: Whose socket id the packet carries.
        kind: Its control type.
        body: Its content.
        now_us: The time.
    """
    silence_us = now_us - int(table.rows["heard_us"][row])
    if kind == ControlType.KEEPALIVE:
        return silence_us >= KEEPALIVE_REBIND_SILENCE_US
    if silence_us < REBIND_SILENCE_US:
        return False
    if kind == ControlType.ACK:
        return len(body) >= 4 and _is_open(table, row, int.from_bytes(body[:4], "big"), beyond=1)
    return kind == ControlType.NAK and _reports_open(table, row, body)


def _is_open(table: SubscriberTable, row: int, seqno: int, *, beyond: int = 0) -> bool:
    """Return whether ``seqno`` is of a packet that was sent and is not acknowledged, or just beyond the newest."""
    if seqno > SEQNO_MASK:
        return False
    entry = table.rows[row]
    next_index, offset = int(entry["next_index"]), int(entry["seqno_offset"])
    index = unwrap_seqno(seqno, next_index + offset) - offset
    return int(entry["acked_index"]) <= index < next_index + beyond


def _reports_open(table: SubscriberTable, row: int, body: bytes) -> bool:
    if len(body) > 4 * MAX_REBIND_REPORT_WORDS:
        return False
    try:
        ranges = decode_loss_report(body)
    except PacketError:
        return False
    return all(_is_open(table, row, seqno) for pair in ranges for seqno in pair)
