"""The header of SRT packets, and the bodies of the small control packets."""

from random import Random

from tests.fuzz.target import Target
from tests.fuzz.wrong import make_wrong, pick_word
from tests.support.srt_datagrams import control, data, words

from headrace.base.errors import PacketError
from headrace.base.seqno import SEQNO_MASK, seqno_distance
from headrace.srt.packet import (
    HEADER_BYTES,
    Acknowledgement,
    ControlType,
    Header,
    decode_ack,
    decode_drop_request,
    decode_header,
    decode_loss_report,
    encode_ack_body,
    encode_drop_request_body,
    encode_loss_report,
)


def run(datagram: bytes) -> int:
    """Decode a datagram as each kind of packet."""
    try:
        header = decode_header(datagram)
    except PacketError:
        assert len(datagram) < HEADER_BYTES
        return len(datagram)
    body = datagram[HEADER_BYTES:]
    assert 0 <= header.control_type <= 0x7FFF
    for decode in (_acknowledgement, _loss_report, _drop_request):
        try:
            decode(header, body)
        except PacketError as error:
            assert error.reason.isidentifier()
    return 4 * len(datagram)


def _acknowledgement(header: Header, body: bytes) -> None:
    ack = decode_ack(header, body)
    assert ack.next_seqno <= SEQNO_MASK
    again = decode_ack(header, encode_ack_body(ack))
    assert again.next_seqno == ack.next_seqno
    assert again.rtt_us == ack.rtt_us
    assert isinstance(again, Acknowledgement)


def _loss_report(header: Header, body: bytes) -> None:
    ranges = decode_loss_report(body)
    assert 1 <= len(ranges) <= len(body) // 4
    assert all(0 <= first <= SEQNO_MASK and 0 <= last <= SEQNO_MASK for first, last in ranges)
    assert all(seqno_distance(first, last) >= 0 for first, last in ranges)
    if len(body) <= 1456:
        assert decode_loss_report(encode_loss_report(ranges)) == ranges[: len(ranges)]


def _drop_request(header: Header, body: bytes) -> None:
    first, last = decode_drop_request(body)
    assert seqno_distance(first, last) >= 0
    assert decode_drop_request(encode_drop_request_body(first, last)) == (first, last)


def seeds() -> list[bytes]:
    """Return a packet of each kind."""
    return [
        data(5),
        control(ControlType.KEEPALIVE, bytes(4)),
        control(ControlType.ACK, words(7)),
        control(ControlType.ACK, words(7, 100_000, 50_000, 8192), info=1),
        control(ControlType.ACK, words(7, 100_000, 50_000, 8192, 1, 2, 3), info=2),
        control(ControlType.NAK, words(3, 0x8000_0005, 9, SEQNO_MASK, 0xFFFF_FFFF, 1)),
        control(ControlType.DROP_REQUEST, words(SEQNO_MASK, 4), info=1),
        control(ControlType.ACKACK, bytes(4), info=1),
        control(ControlType.SHUTDOWN, bytes(4)),
    ]


def wrong(datagram: bytes, random: Random) -> bytes:
    """Return the packet with one word wrong."""
    return make_wrong(datagram, random, pick_word)


TARGET = Target(run, seeds, wrong, lines_per_byte=12)
