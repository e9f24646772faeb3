"""What proves that a packet from another port is a subscriber's, and what does not."""

import pytest
from tests.support.fanout_tables import subscribe
from tests.support.srt_datagrams import words

from headrace.fanout.rebinding import MAX_REBIND_REPORT_WORDS, may_rebind
from headrace.fanout.subscriber_table import SubscriberTable
from headrace.srt.packet import ControlType
from headrace.srt.rebinding import KEEPALIVE_REBIND_SILENCE_US, REBIND_SILENCE_US

WRAP = 1 << 31
HEARD_US = 1_000
SOON_US, LATER_US = HEARD_US + REBIND_SILENCE_US, HEARD_US + KEEPALIVE_REBIND_SILENCE_US
FIRST = WRAP - 5
"""Wire sequence number of channel packet 40; ten have been sent, three acknowledged."""


def a_subscriber() -> tuple[SubscriberTable, int]:
    table = SubscriberTable()
    row = subscribe(table, 1, next_index=40, send_seqno=FIRST)
    table.rows["heard_us"][row] = HEARD_US
    table.rows["acked_index"][row] = 43
    table.rows["next_index"][row] = 50
    return table, row


def may(kind: int, body: bytes = b"", now_us: int = SOON_US) -> bool:
    return may_rebind(*a_subscriber(), kind, body, now_us)


def seqnos(*indices: int) -> bytes:
    return words(*((FIRST + index - 40) % WRAP for index in indices))


@pytest.mark.parametrize(("index", "proves"), [(42, False), (43, True), (47, True), (50, True), (51, False)])
def test_an_acknowledgement_proves_what_lies_between_the_last_one_and_the_newest_packet(
    index: int, proves: bool
) -> None:
    assert may(ControlType.ACK, seqnos(index)) is proves
    assert may(ControlType.ACK, seqnos(index) + bytes(24)) is proves


@pytest.mark.parametrize(("index", "proves"), [(42, False), (43, True), (49, True), (50, False)])
def test_a_loss_report_proves_what_is_not_acknowledged(index: int, proves: bool) -> None:
    assert may(ControlType.NAK, seqnos(index)) is proves
    assert may(ControlType.NAK, seqnos(44, index)) is proves
    first, last = sorted([44, index])
    span = words((FIRST + first - 40) % WRAP | WRAP, (FIRST + last - 40) % WRAP)
    assert may(ControlType.NAK, span) is proves


@pytest.mark.parametrize(("words_too_many", "proves"), [(0, True), (1, False)])
def test_a_long_loss_report_is_not_looked_at_as_it_takes_time_and_proves_no_more(
    words_too_many: int, proves: bool
) -> None:
    assert may(ControlType.NAK, seqnos(*[44] * (MAX_REBIND_REPORT_WORDS + words_too_many))) is proves


@pytest.mark.parametrize("body", [b"", bytes(3), words(0xFFFF_FFFF), words(0x8000_0001)])
def test_what_is_malformed_proves_nothing(body: bytes) -> None:
    assert not may(ControlType.ACK, body)
    assert not may(ControlType.NAK, body)


def test_nothing_is_believed_while_the_known_port_speaks() -> None:
    assert not may(ControlType.ACK, seqnos(47), SOON_US - 1)
    assert not may(ControlType.NAK, seqnos(47), SOON_US - 1)


def test_a_keepalive_is_believed_only_after_two_have_been_missing() -> None:
    assert not may(ControlType.KEEPALIVE, b"", LATER_US - 1)
    assert may(ControlType.KEEPALIVE, bytes(4), LATER_US)


@pytest.mark.parametrize("kind", [ControlType.SHUTDOWN, ControlType.PEER_ERROR, ControlType.ACKACK, 0x8000])
def test_no_other_packet_proves_anything(kind: int) -> None:
    assert not may(kind, seqnos(47), LATER_US)
