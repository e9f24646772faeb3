"""RTCP: reports, and what receivers ask of senders. Compound packets in and out, in clear.

Feedback on congestion (TWCC) is `headrace.webrtc.transport_feedback`'s.

Source: RFC 3550, 6 (SR, RR, SDES, BYE); RFC 4585, 6 (NACK, PLI); RFC 5104, 4.3.1 (FIR); RFC 5506 (no
report at its head); draft-alvestrand-rmcat-remb-03.
"""

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, TypeAlias

from headrace.base.errors import PacketError
from headrace.webrtc.transport_feedback import (
    TRANSPORT_FEEDBACK_FORMAT,
    TransportFeedback,
    decode_transport_feedback,
    encode_transport_feedback,
)

MAX_PACKETS: Final = 32
"""In one compound packet; a browser sends three or four."""
MAX_BLOCKS: Final = 31
"""Reports, sources or reasons in one packet: the count has 5 bits."""
NTP_EPOCH_S: Final = 2_208_988_800
"""From 1900, where NTP begins, to 1970."""

_HEADER: Final = struct.Struct(">BBH")
_REPORT: Final = struct.Struct(">IIIIII")
_SENDER: Final = struct.Struct(">IQIII")
_VERSION: Final = 2
_PADDING_FLAG: Final = 0x20
_CNAME: Final = 1
_NACK_FORMAT, _PLI_FORMAT, _FIR_FORMAT, _REMB_FORMAT = 1, 1, 4, 15
_BITMASK_PACKETS: Final = 16
_REMB_MARK: Final = b"REMB"
_REMB_MANTISSA_BITS: Final = 18
_REMB_MAX_EXPONENT: Final = 63
_MILLION: Final = 1_000_000
_NTP_FRACTION: Final = 1 << 32


class RtcpType(IntEnum):
    """Packet types that are understood."""

    SENDER_REPORT = 200
    RECEIVER_REPORT = 201
    SOURCE_DESCRIPTION = 202
    BYE = 203
    TRANSPORT_FEEDBACK = 205
    PAYLOAD_FEEDBACK = 206


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """What a receiver says of one stream.

    Attributes:
        ssrc: The stream.
        fraction_lost: Since the last report, in 256ths.
        lost_packets: Since the beginning, 24 bits with sign: duplicates make it less than none.
        highest_seqno: Extended with the count of rollovers, 32 bits.
        jitter: In ticks of the stream's clock.
        last_report: Middle 32 bits of the NTP time of the last sender report, 0 before the first.
        delay: Since that came, in 65536ths of a second.
    """

    ssrc: int
    fraction_lost: int = 0
    lost_packets: int = 0
    highest_seqno: int = 0
    jitter: int = 0
    last_report: int = 0
    delay: int = 0


@dataclass(frozen=True, slots=True)
class SenderReport:
    """What a sender says of its stream: what its clock is on the wall, and how much it has sent.

    Attributes:
        ssrc: The stream.
        ntp_time: 64 bits: seconds since 1900, of which 32 are after the point.
        rtp_timestamp: The same moment in ticks of the stream's clock, 32 bits.
        packets: Sent so far, modulo 2**32.
        payload_bytes: Of these, modulo 2**32.
        reports: Of what it receives.
    """

    ssrc: int
    ntp_time: int
    rtp_timestamp: int
    packets: int
    payload_bytes: int
    reports: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    """What a receiver says.

    Attributes:
        ssrc: Its own.
        reports: Of what it receives.
    """

    ssrc: int
    reports: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceDescription:
    """Names of sources.

    Attributes:
        names: CNAME by source; those without one are left out.
    """

    names: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Bye:
    """Sources end.

    Attributes:
        ssrcs: Which.
    """

    ssrcs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Nack:
    """Packets are missing.

    Attributes:
        sender_ssrc: Of who asks.
        media_ssrc: The stream.
        seqnos: 16 bits each, in the order in which they were listed.
    """

    sender_ssrc: int
    media_ssrc: int
    seqnos: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PictureLossIndication:
    """A picture could not be decoded: a keyframe is wanted.

    Attributes:
        sender_ssrc: Of who asks.
        media_ssrc: The stream.
    """

    sender_ssrc: int
    media_ssrc: int


@dataclass(frozen=True, slots=True)
class FullIntraRequest:
    """A keyframe is wanted.

    Attributes:
        sender_ssrc: Of who asks.
        requests: Stream and number of the request, 8 bits; one with the number before is a repetition.
    """

    sender_ssrc: int
    requests: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class ReceiverEstimate:
    """REMB: how much a receiver thinks that its path bears.

    Attributes:
        sender_ssrc: Of who says so.
        bitrate_bps: At most.
        ssrcs: For these streams together.
    """

    sender_ssrc: int
    bitrate_bps: int
    ssrcs: tuple[int, ...]


RtcpPacket: TypeAlias = (
    SenderReport
    | ReceiverReport
    | SourceDescription
    | Bye
    | Nack
    | PictureLossIndication
    | FullIntraRequest
    | ReceiverEstimate
    | TransportFeedback
)


def ntp_time(unix_us: int) -> int:
    """Return the wall clock's time as a sender report has it, 64 bits."""
    seconds, left_us = divmod(unix_us, _MILLION)
    return (seconds + NTP_EPOCH_S) % _NTP_FRACTION << 32 | (left_us << 32) // _MILLION


def unix_time_us(ntp: int) -> int:
    """Return the wall clock's time that a sender report says, rounded to microseconds.

    Some senders count from another moment than 1900: differences are good all the same.
    """
    return ((ntp >> 32) - NTP_EPOCH_S) * _MILLION + (((ntp & 0xFFFF_FFFF) * _MILLION + (1 << 31)) >> 32)


def middle_of(ntp: int) -> int:
    """Return the 32 bits of an NTP time that `ReportBlock.last_report` repeats."""
    return ntp >> 16 & 0xFFFF_FFFF


def decode_compound(data: bytes) -> list[RtcpPacket]:
    """Return the packets in ``data`` that are understood, in order; others are passed over.

    Raises:
        PacketError: ``rtcp_header``, ``rtcp_length``, ``rtcp_padding``, ``rtcp_too_many_packets``, or
            ``rtcp_body``: one of them is shorter than what it says that it has.
    """
    found: list[RtcpPacket] = []
    at = count = 0
    while at < len(data):
        if at + 4 > len(data) or data[at] >> 6 != _VERSION:
            raise PacketError("rtcp_header")
        first, kind, words = _HEADER.unpack_from(data, at)
        end = at + 4 + 4 * words
        count += 1
        if end > len(data):
            raise PacketError("rtcp_length", f"{4 + 4 * words} bytes, {len(data) - at} are there")
        if count > MAX_PACKETS:
            raise PacketError("rtcp_too_many_packets")
        decode = _DECODERS.get(kind)
        if decode is not None:
            body = _without_padding(data[at + 4 : end]) if first & _PADDING_FLAG else data[at + 4 : end]
            packet = decode(body, first & 0x1F)
            if packet is not None:
                found.append(packet)
        at = end
    return found


def _without_padding(body: bytes) -> bytes:
    if not body or not 0 < body[-1] <= len(body) or body[-1] % 4:
        raise PacketError("rtcp_padding")
    return body[: -body[-1]]


def _need(body: bytes, length: int) -> None:
    if len(body) < length:
        raise PacketError("rtcp_body", f"{len(body)} bytes, {length} are wanted")


def _decode_reports(body: bytes, at: int, count: int) -> tuple[ReportBlock, ...]:
    _need(body, at + _REPORT.size * count)
    return tuple(_decode_report(body, at + _REPORT.size * number) for number in range(count))


def _decode_report(body: bytes, at: int) -> ReportBlock:
    ssrc, lost, highest, jitter, last, delay = _REPORT.unpack_from(body, at)
    total = (lost & 0xFF_FFFF ^ 0x80_0000) - 0x80_0000
    return ReportBlock(ssrc, lost >> 24, total, highest, jitter, last, delay)


def _decode_sender_report(body: bytes, count: int) -> SenderReport:
    _need(body, _SENDER.size)
    ssrc, ntp, timestamp, sent, payload_bytes = _SENDER.unpack_from(body)
    reports = _decode_reports(body, _SENDER.size, count)
    return SenderReport(ssrc, ntp, timestamp, sent, payload_bytes, reports)


def _decode_receiver_report(body: bytes, count: int) -> ReceiverReport:
    _need(body, 4)
    return ReceiverReport(int.from_bytes(body[:4], "big"), _decode_reports(body, 4, count))


def _decode_source_description(body: bytes, count: int) -> SourceDescription:
    names: list[tuple[int, str]] = []
    at = 0
    for _ in range(count):
        _need(body, at + 4)
        ssrc, at = int.from_bytes(body[at : at + 4], "big"), at + 4
        while True:
            _need(body, at + 1)
            if body[at] == 0:
                break
            _need(body, at + 2)
            end = at + 2 + body[at + 1]
            _need(body, end)
            if body[at] == _CNAME:
                names.append((ssrc, body[at + 2 : end].decode("utf-8", "replace")))
            at = end
        at = at // 4 * 4 + 4  # one to four zero bytes end a chunk at a whole word
    return SourceDescription(tuple(names))


def _decode_bye(body: bytes, count: int) -> Bye:
    _need(body, 4 * count)
    return Bye(struct.unpack_from(f">{count}I", body))


def _decode_transport_feedback(body: bytes, kind: int) -> Nack | TransportFeedback | None:
    _need(body, 8)
    sender_ssrc, media_ssrc = struct.unpack_from(">II", body)
    if kind == TRANSPORT_FEEDBACK_FORMAT:
        return decode_transport_feedback(body)
    if kind != _NACK_FORMAT:
        return None
    seqnos: list[int] = []
    for first, mask in struct.iter_unpack(">HH", body[8 : len(body) // 4 * 4]):
        seqnos.append(first)
        seqnos += [first + bit + 1 & 0xFFFF for bit in range(_BITMASK_PACKETS) if mask >> bit & 1]
    return Nack(sender_ssrc, media_ssrc, tuple(seqnos))


def _decode_payload_feedback(
    body: bytes, kind: int
) -> PictureLossIndication | FullIntraRequest | ReceiverEstimate | None:
    _need(body, 8)
    sender_ssrc, media_ssrc = struct.unpack_from(">II", body)
    if kind == _PLI_FORMAT:
        return PictureLossIndication(sender_ssrc, media_ssrc)
    if kind == _FIR_FORMAT:
        _need(body, 8 + len(body[8:]) // 8 * 8)
        entries = struct.iter_unpack(">IB3x", body[8 : len(body) // 8 * 8])
        return FullIntraRequest(sender_ssrc, tuple((ssrc, number) for ssrc, number in entries))
    if kind == _REMB_FORMAT and body[8:12] == _REMB_MARK:
        return _decode_estimate(body, sender_ssrc)
    return None


def _decode_estimate(body: bytes, sender_ssrc: int) -> ReceiverEstimate:
    _need(body, 16)
    count, rate = body[12], int.from_bytes(body[13:16], "big")
    _need(body, 16 + 4 * count)
    bitrate_bps = (rate & (1 << _REMB_MANTISSA_BITS) - 1) << (rate >> _REMB_MANTISSA_BITS)
    return ReceiverEstimate(sender_ssrc, bitrate_bps, struct.unpack_from(f">{count}I", body, 16))


_DECODERS: Final[dict[int, Callable[[bytes, int], RtcpPacket | None]]] = {
    RtcpType.SENDER_REPORT: _decode_sender_report,
    RtcpType.RECEIVER_REPORT: _decode_receiver_report,
    RtcpType.SOURCE_DESCRIPTION: _decode_source_description,
    RtcpType.BYE: _decode_bye,
    RtcpType.TRANSPORT_FEEDBACK: _decode_transport_feedback,
    RtcpType.PAYLOAD_FEEDBACK: _decode_payload_feedback,
}


def encode_compound(packets: Iterable[RtcpPacket]) -> bytes:
    """Return packets one after another.

    Raises:
        ValueError: One of them has more reports, sources or names than its count holds.
    """
    return b"".join(map(_encode, packets))


def _encode(packet: RtcpPacket) -> bytes:
    match packet:
        case SenderReport(ssrc, ntp, timestamp, sent, payload_bytes, reports):
            head = _SENDER.pack(ssrc, ntp, timestamp, sent, payload_bytes)
            return _wrap(RtcpType.SENDER_REPORT, len(reports), head + _encode_reports(reports))
        case ReceiverReport(ssrc, reports):
            head = ssrc.to_bytes(4, "big")
            return _wrap(RtcpType.RECEIVER_REPORT, len(reports), head + _encode_reports(reports))
        case SourceDescription(names):
            return _wrap(RtcpType.SOURCE_DESCRIPTION, len(names), b"".join(map(_encode_name, names)))
        case Bye(ssrcs):
            return _wrap(RtcpType.BYE, len(ssrcs), struct.pack(f">{len(ssrcs)}I", *ssrcs))
        case Nack(sender_ssrc, media_ssrc, seqnos):
            head = struct.pack(">II", sender_ssrc, media_ssrc)
            return _wrap(RtcpType.TRANSPORT_FEEDBACK, _NACK_FORMAT, head + _encode_missing(seqnos))
        case TransportFeedback():
            body = encode_transport_feedback(packet)
            return _wrap(RtcpType.TRANSPORT_FEEDBACK, TRANSPORT_FEEDBACK_FORMAT, body)
        case PictureLossIndication(sender_ssrc, media_ssrc):
            body = struct.pack(">II", sender_ssrc, media_ssrc)
            return _wrap(RtcpType.PAYLOAD_FEEDBACK, _PLI_FORMAT, body)
        case FullIntraRequest(sender_ssrc, requests):
            # "The SSRC of the media source ... SHALL be set to 0" (RFC 5104, 4.3.1.2).
            body = struct.pack(">II", sender_ssrc, 0)
            body += b"".join(struct.pack(">IB3x", ssrc, number) for ssrc, number in requests)
            return _wrap(RtcpType.PAYLOAD_FEEDBACK, _FIR_FORMAT, body)
        case ReceiverEstimate(sender_ssrc, bitrate_bps, ssrcs):
            body = struct.pack(">II", sender_ssrc, 0) + _encode_estimate(bitrate_bps, ssrcs)
            return _wrap(RtcpType.PAYLOAD_FEEDBACK, _REMB_FORMAT, body)


def _wrap(kind: int, count: int, body: bytes) -> bytes:
    if count > MAX_BLOCKS:
        raise ValueError(f"one packet has at most {MAX_BLOCKS} reports, sources or names")
    return _HEADER.pack(_VERSION << 6 | count, kind, len(body) // 4) + body


def _encode_reports(reports: Iterable[ReportBlock]) -> bytes:
    return b"".join(
        _REPORT.pack(
            one.ssrc,
            one.fraction_lost << 24 | max(-0x80_0000, min(one.lost_packets, 0x7F_FFFF)) & 0xFF_FFFF,
            one.highest_seqno,
            one.jitter,
            one.last_report,
            one.delay,
        )
        for one in reports
    )


def _encode_name(name: tuple[int, str]) -> bytes:
    ssrc, text = name
    value = text.encode()[:255]
    chunk = ssrc.to_bytes(4, "big") + bytes((_CNAME, len(value))) + value
    return chunk + bytes(4 - len(chunk) % 4)


def _encode_missing(seqnos: Iterable[int]) -> bytes:
    """Return pairs of a packet and of a mask of the 16 after it."""
    pairs: list[list[int]] = []
    for seqno in seqnos:
        after = (seqno - pairs[-1][0] - 1) & 0xFFFF if pairs else _BITMASK_PACKETS
        if after < _BITMASK_PACKETS:
            pairs[-1][1] |= 1 << after
        else:
            pairs.append([seqno, 0])
    return b"".join(struct.pack(">HH", first, mask) for first, mask in pairs)


def _encode_estimate(bitrate_bps: int, ssrcs: tuple[int, ...]) -> bytes:
    exponent = max(bitrate_bps.bit_length() - _REMB_MANTISSA_BITS, 0)
    if exponent > _REMB_MAX_EXPONENT or len(ssrcs) > 255:
        raise ValueError("this is more than REMB can say")
    rate = exponent << _REMB_MANTISSA_BITS | bitrate_bps >> exponent
    return _REMB_MARK + bytes((len(ssrcs),)) + rate.to_bytes(3, "big") + struct.pack(f">{len(ssrcs)}I", *ssrcs)
