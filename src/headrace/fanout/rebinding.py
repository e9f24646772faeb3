"""Which packets prove that they are of a subscriber although they come from another port.

Source: ``docs/decisions/0013-nat-rebinding.md``.
"""

from typing import Final, NamedTuple

from headrace.base.errors import PacketError
from headrace.base.seqno import SEQNO_MASK, unwrap_seqno
from headrace.fanout.subscriber_table import SubscriberTable
from headrace.srt.packet import ControlType, decode_loss_report
from headrace.srt.rebinding import KEEPALIVE_REBIND_SILENCE_US, REBIND_SILENCE_US

MAX_REBIND_CHECKS_PER_BATCH: Final = 64
"""So many strangers' packets of one batch are looked at one by one; a peer that moved sends another one soon."""
MAX_REBIND_REPORT_WORDS: Final = 8
"""A longer loss report is not believed: checking 364 words takes 0.5 ms, and an acknowledgement comes soon."""


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
        return len(body) >= 4 and _open_packets(table, row).has(int.from_bytes(body[:4], "big"), beyond=1)
    return kind == ControlType.NAK and _reports_open(table, row, body)


class _OpenPackets(NamedTuple):
    """What was sent to a subscriber and is not acknowledged, in indices of its own sequence numbers, unwrapped."""

    first: int
    end: int

    def has(self, seqno: int, *, beyond: int = 0) -> bool:
        """Return whether ``seqno`` is of one of them, or just ``beyond`` the newest."""
        return seqno <= SEQNO_MASK and self.first <= unwrap_seqno(seqno, self.end) < self.end + beyond


def _open_packets(table: SubscriberTable, row: int) -> _OpenPackets:
    entry = table.rows[row]
    offset = int(entry["seqno_offset"])
    return _OpenPackets(int(entry["acked_index"]) + offset, int(entry["next_index"]) + offset)


def _reports_open(table: SubscriberTable, row: int, body: bytes) -> bool:
    if len(body) > 4 * MAX_REBIND_REPORT_WORDS:
        return False
    try:
        ranges = decode_loss_report(body)
    except PacketError:
        return False
    are_open = _open_packets(table, row)
    return all(are_open.has(seqno) for pair in ranges for seqno in pair)
