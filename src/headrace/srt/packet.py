"""The 16-byte header that every SRT packet begins with, and the bodies of the small control packets.

Source: draft-sharabayko-srt, 3 (packet structure), 3.2 (control packets).
"""

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple

from headrace.base.errors import PacketError
from headrace.base.seqno import seqno_distance

HEADER_BYTES: Final = 16
IP_UDP_SRT_BYTES: Final = 20 + 8 + HEADER_BYTES
"""What an MSS holds beside a payload."""
MAX_PAYLOAD_BYTES: Final = 1456
"""An Ethernet frame's 1500 bytes less 28 of IPv4 and UDP and 16 of SRT (libsrt's SRT_LIVE_MAX_PLSIZE)."""

CONTROL_BIT: Final = 0x8000_0000
MESSAGE_NUMBER_MASK: Final = 0x03FF_FFFF
SOLO_MESSAGE: Final = 0xC000_0000
"""PP = 11: the packet holds a whole message, as every live-mode packet does."""
ORDER_FLAG: Final = 0x2000_0000
KEY_FLAGS: Final = 0x1800_0000
KEY_SHIFT: Final = 27
RETRANSMITTED_FLAG: Final = 0x0400_0000

_HEADER: Final = struct.Struct(">IIII")
_WORD: Final = struct.Struct(">I")


class ControlType(IntEnum):
    """Control packet types (table 1 of the draft)."""

    HANDSHAKE = 0
    KEEPALIVE = 1
    ACK = 2
    NAK = 3
    CONGESTION_WARNING = 4
    SHUTDOWN = 5
    ACKACK = 6
    DROP_REQUEST = 7
    PEER_ERROR = 8
    USER_DEFINED = 0x7FFF


class Header(NamedTuple):
    """The four words of a packet header, in host order.

    Attributes:
        word0: Sequence number of a data packet; control bit, type and subtype of a control packet.
        word1: Message word of a data packet; type-specific information of a control packet.
        timestamp_us: Sender's clock since the connection began, modulo 2**32.
        dst_socket_id: Socket id of the receiver of this packet, 0 in handshakes before it is known.
    """

    word0: int
    word1: int
    timestamp_us: int
    dst_socket_id: int

    @property
    def is_control(self) -> bool:
        """Whether this is a control packet."""
        return self.word0 >= CONTROL_BIT

    @property
    def control_type(self) -> int:
        """Control type, 15 bits; may be one that `ControlType` does not know."""
        return (self.word0 >> 16) & 0x7FFF

    @property
    def control_subtype(self) -> int:
        """What kind of a user-defined control packet this is, 16 bits."""
        return self.word0 & 0xFFFF

    @property
    def key_parity(self) -> int:
        """KK bits of a data packet: 0 is not encrypted, 1 and 2 a `headrace.srt.session_keys.Parity`."""
        return (self.word1 & KEY_FLAGS) >> KEY_SHIFT


def decode_header(datagram: bytes) -> Header:
    """Return the header of ``datagram``.

    Raises:
        PacketError: ``short_header``: fewer than 16 bytes.
    """
    if len(datagram) < HEADER_BYTES:
        raise PacketError("short_header", f"{len(datagram)} bytes")
    return Header._make(_HEADER.unpack_from(datagram))


def encode_data_header(*, seqno: int, message_word: int, timestamp_us: int, dst_socket_id: int) -> bytes:
    """Return a data packet's header; ``seqno`` has 31 bits, ``timestamp_us`` is reduced modulo 2**32."""
    return _HEADER.pack(seqno, message_word, timestamp_us & 0xFFFF_FFFF, dst_socket_id)


def message_word(message_number: int, *, retransmitted: bool = False, key_parity: int = 0) -> int:
    """Return the second header word of a whole message: PP = 11, in order; ``key_parity`` 0 is not encrypted."""
    flags = SOLO_MESSAGE | ORDER_FLAG | (RETRANSMITTED_FLAG if retransmitted else 0)
    return flags | (key_parity << KEY_SHIFT) | (message_number & MESSAGE_NUMBER_MASK)


class Control(NamedTuple):
    """A control packet to be sent, without what the connection fills in."""

    control_type: ControlType
    info: int
    body: bytes
    subtype: int = 0


EMPTY_BODY: Final = bytes(4)
"""In place of no body at all: libsrt sends this word, and Wireshark 4.0 calls a bare header malformed."""


def encode_control(
    control_type: ControlType,
    *,
    timestamp_us: int,
    dst_socket_id: int,
    info: int = 0,
    body: bytes = b"",
    subtype: int = 0,
) -> bytes:
    """Return a control packet; ``info`` is its type-specific word."""
    word0 = CONTROL_BIT | (control_type << 16) | subtype
    return _HEADER.pack(word0, info, timestamp_us & 0xFFFF_FFFF, dst_socket_id) + (body or EMPTY_BODY)


@dataclass(slots=True)
class Acknowledgement:
    """The body of an ACK.

    Attributes:
        ack_number: Number that an ACKACK echoes; 0 in a light ACK, which wants none.
        next_seqno: First sequence number not yet received.
        rtt_us: Receiver's smoothed round trip, None in a light ACK.
        rtt_variance_us: Its variance, None in a light ACK.
        available_buffer_packets: Free places in the receiver's buffer, None in a light ACK.
        receiving_rate_packets_per_second: None where the peer did not say.
        link_capacity_packets_per_second: None where the peer did not say.
        receiving_rate_bytes_per_second: None where the peer did not say.
    """

    ack_number: int
    next_seqno: int
    rtt_us: int | None = None
    rtt_variance_us: int | None = None
    available_buffer_packets: int | None = None
    receiving_rate_packets_per_second: int | None = None
    link_capacity_packets_per_second: int | None = None
    receiving_rate_bytes_per_second: int | None = None


_FULL_ACK_WORDS: Final = 7


def decode_ack(header: Header, body: bytes) -> Acknowledgement:
    """Return a light (1 word), small (4) or full (5 to 7 words) acknowledgement.

    Raises:
        PacketError: ``short_ack`` or ``ack_seqno_out_of_range``.
    """
    if len(body) < 4:
        raise PacketError("short_ack", f"{len(body)} bytes")
    words = struct.unpack_from(f">{min(len(body) // 4, _FULL_ACK_WORDS)}I", body)
    if words[0] >= CONTROL_BIT:
        raise PacketError("ack_seqno_out_of_range", hex(words[0]))
    if len(words) < 4:
        return Acknowledgement(header.word1, words[0])
    return Acknowledgement(header.word1, *words)


def encode_ack_body(ack: Acknowledgement) -> bytes:
    """Return the body of a light ACK (no round trip given) or of a full one."""
    if ack.rtt_us is None:
        return _WORD.pack(ack.next_seqno)
    return struct.pack(
        ">7I",
        ack.next_seqno,
        ack.rtt_us,
        ack.rtt_variance_us or 0,
        ack.available_buffer_packets or 0,
        ack.receiving_rate_packets_per_second or 0,
        ack.link_capacity_packets_per_second or 0,
        ack.receiving_rate_bytes_per_second or 0,
    )


def decode_loss_report(body: bytes) -> list[tuple[int, int]]:
    """Return the ranges ``(first, last)`` of lost sequence numbers of a NAK, in the order given.

    Raises:
        PacketError: ``empty_nak``, ``truncated_nak_range`` or ``reversed_nak_range``.
    """
    words = struct.unpack_from(f">{len(body) // 4}I", body)
    if not words:
        raise PacketError("empty_nak")
    ranges: list[tuple[int, int]] = []
    position = 0
    while position < len(words):
        first = words[position]
        if first < CONTROL_BIT:
            ranges.append((first, first))
            position += 1
            continue
        first &= 0x7FFF_FFFF
        if position + 1 == len(words) or words[position + 1] >= CONTROL_BIT:
            raise PacketError("truncated_nak_range")
        last = words[position + 1]
        if seqno_distance(first, last) < 0:
            raise PacketError("reversed_nak_range", f"{first}..{last}")
        ranges.append((first, last))
        position += 2
    return ranges


MAX_LOSS_REPORT_WORDS: Final = MAX_PAYLOAD_BYTES // 4
"""A loss report stays within one datagram; what does not fit goes into the next periodic report."""


def encode_loss_report(ranges: list[tuple[int, int]]) -> bytes:
    """Return the body of a NAK for the first of ``ranges`` that fit into one datagram."""
    words: list[int] = []
    for first, last in ranges:
        named = [first] if first == last else [first | CONTROL_BIT, last]
        if len(words) + len(named) > MAX_LOSS_REPORT_WORDS:
            break
        words += named
    return struct.pack(f">{len(words)}I", *words)


def decode_drop_request(body: bytes) -> tuple[int, int]:
    """Return the first and last sequence number that the sender will not send any more.

    Raises:
        PacketError: ``short_drop_request``, ``drop_seqno_out_of_range`` or ``reversed_drop_range``.
    """
    if len(body) < 8:
        raise PacketError("short_drop_request", f"{len(body)} bytes")
    first, last = struct.unpack_from(">II", body)
    if first >= CONTROL_BIT or last >= CONTROL_BIT:
        raise PacketError("drop_seqno_out_of_range")
    if seqno_distance(first, last) < 0:
        raise PacketError("reversed_drop_range", f"{first}..{last}")
    return first, last


def encode_drop_request_body(first: int, last: int) -> bytes:
    """Return the body of a drop request for sequence numbers ``first`` to ``last``."""
    return struct.pack(">II", first, last)
