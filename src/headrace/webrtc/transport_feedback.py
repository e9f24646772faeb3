"""Transport-wide congestion control feedback (TWCC): when each packet of a transport came.

Source: draft-holmer-rmcat-transport-wide-cc-extensions-01, 3.1.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from headrace.base.errors import PacketError

TRANSPORT_FEEDBACK_FORMAT: Final = 15
DELTA_UNIT_US: Final = 250
REFERENCE_UNIT_US: Final = 64_000

_FIXED: Final = struct.Struct(">IIHHI")
_VECTOR_FLAG: Final = 0x8000
_TWO_BIT_FLAG: Final = 0x4000
_MAX_RUN: Final = 0x1FFF
_NOT_RECEIVED, _SMALL_DELTA, _LARGE_DELTA = 0, 1, 2
_REFERENCE_BITS: Final = 24


@dataclass(frozen=True, slots=True)
class TransportFeedback:
    """Which of some packets came, and when.

    Attributes:
        sender_ssrc: Of who says so.
        media_ssrc: One of the streams.
        base_seqno: Transport-wide sequence number of the first packet that is spoken of, 16 bits.
        count: How many are spoken of, 1 to 65535.
        reference_us: Time on the receiver's clock from which arrivals count, a multiple of 64 ms; wraps after
            about 12 days.
        number: Of this feedback, 8 bits: shows whether one was lost.
        arrivals: ``(offset, time_us)`` of each that came: how many packets after the first, in [0, count), and
            microseconds after ``reference_us``, a multiple of 250.
    """

    sender_ssrc: int
    media_ssrc: int
    base_seqno: int
    count: int
    reference_us: int
    number: int
    arrivals: tuple[tuple[int, int], ...]


def decode_transport_feedback(body: bytes) -> TransportFeedback:
    """Return what the body of an RTCP packet says.

    Raises:
        PacketError: ``rtcp_body``: it ends before what it says that it has, or has a status that is reserved.
    """
    if len(body) < _FIXED.size:
        raise PacketError("rtcp_body", "transport feedback is cut")
    sender_ssrc, media_ssrc, base_seqno, count, last = _FIXED.unpack_from(body)
    came, at = _decode_statuses(body, count)
    arrivals = _decode_deltas(body, at, came)
    reference_us = ((last >> 8 ^ 1 << 23) - (1 << 23)) * REFERENCE_UNIT_US
    return TransportFeedback(sender_ssrc, media_ssrc, base_seqno, count, reference_us, last & 0xFF, arrivals)


def _decode_statuses(body: bytes, count: int) -> tuple[list[tuple[int, int]], int]:
    """Return offset and status of each packet that came, and where the deltas begin.

    Runs of packets that did not come cost nothing, so a datagram brings no more work than it has bytes.
    """
    came: list[tuple[int, int]] = []
    at, offset = _FIXED.size, 0
    while offset < count:
        if at + 2 > len(body):
            raise PacketError("rtcp_body", "statuses are missing")
        chunk = int.from_bytes(body[at : at + 2], "big")
        at += 2
        if chunk & _VECTOR_FLAG:
            statuses = _vector(chunk)
            came += [(offset + n, one) for n, one in enumerate(statuses) if one and offset + n < count]
            offset += len(statuses)
            continue
        status, length = chunk >> 13 & 3, min(chunk & _MAX_RUN, count - offset)
        if not length or (status and len(came) + length > len(body)):
            raise PacketError("rtcp_body", "a run of nothing, or of more than there is")
        if status:
            came += [(offset + n, status) for n in range(length)]
        offset += length
    return came, at


def _vector(chunk: int) -> list[int]:
    if chunk & _TWO_BIT_FLAG:
        return [chunk >> shift & 3 for shift in range(12, -1, -2)]
    return [chunk >> shift & 1 for shift in range(13, -1, -1)]


def _decode_deltas(body: bytes, at: int, came: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    arrivals: list[tuple[int, int]] = []
    time_us = 0
    for offset, status in came:
        if status not in {_SMALL_DELTA, _LARGE_DELTA}:
            raise PacketError("rtcp_body", "a reserved status")
        end = at + status
        if end > len(body):
            raise PacketError("rtcp_body", "arrivals are missing")
        time_us += DELTA_UNIT_US * int.from_bytes(body[at:end], "big", signed=status == _LARGE_DELTA)
        arrivals.append((offset, time_us))
        at = end
    return tuple(arrivals)


def encode_transport_feedback(feedback: TransportFeedback) -> bytes:
    """Return the body of an RTCP packet, whole words.

    Raises:
        ValueError: ``count`` is not in 1 to 65535, offsets do not rise within it, times are no multiples of the
            units, or two of them are further apart than 8.19 s.
    """
    statuses, deltas = _deltas(feedback)
    if feedback.reference_us % REFERENCE_UNIT_US:
        raise ValueError("the reference time is no multiple of 64 ms")
    reference = feedback.reference_us // REFERENCE_UNIT_US % (1 << _REFERENCE_BITS)
    body = _FIXED.pack(
        feedback.sender_ssrc,
        feedback.media_ssrc,
        feedback.base_seqno,
        feedback.count,
        reference << 8 | feedback.number,
    )
    body += b"".join(chunk.to_bytes(2, "big") for chunk in _chunks(statuses)) + deltas
    return body + bytes(-len(body) % 4)


def _deltas(feedback: TransportFeedback) -> tuple[list[int], bytes]:
    """Return the status of every packet, and the deltas of those that came."""
    if not 0 < feedback.count <= 0xFFFF:
        raise ValueError("feedback speaks of 1 to 65535 packets")
    statuses = [_NOT_RECEIVED] * feedback.count
    deltas = bytearray()
    before, before_us = -1, 0
    for offset, time_us in feedback.arrivals:
        delta, left_us = divmod(time_us - before_us, DELTA_UNIT_US)
        if left_us or not before < offset < feedback.count or not -0x8000 <= delta < 0x8000:
            raise ValueError("arrivals do not rise, or their times cannot be said")
        statuses[offset] = _SMALL_DELTA if 0 <= delta <= 0xFF else _LARGE_DELTA
        deltas += (delta & 0xFFFF).to_bytes(2, "big")[-statuses[offset] :]
        before, before_us = offset, time_us
    return statuses, bytes(deltas)


def _chunks(statuses: list[int]) -> Iterator[int]:
    """Give runs of equal statuses; what is too short for one goes seven at a time into vectors."""
    waiting: list[int] = []
    for status, run in groupby(statuses):
        waiting += run
        while len(waiting) >= 7 and (len(set(waiting[:7])) > 1):
            yield _vector_of(waiting[:7])
            del waiting[:7]
        if len(waiting) >= 7:
            for begin in range(0, len(waiting), _MAX_RUN):
                yield status << 13 | min(_MAX_RUN, len(waiting) - begin)
            waiting = []
    if waiting:
        yield _vector_of(waiting + [_NOT_RECEIVED] * (7 - len(waiting)))


def _vector_of(statuses: list[int]) -> int:
    packed = 0
    for status in statuses:
        packed = packed << 2 | status
    return _VECTOR_FLAG | _TWO_BIT_FLAG | packed
