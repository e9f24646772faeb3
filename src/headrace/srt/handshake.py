"""The handshake packet: 48 fixed bytes and, in a conclusion of version 5, extension blocks.

Source: draft-sharabayko-srt, 3.2.1 and 4.3.
"""

import struct
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from typing import Any, Final

from headrace.base.errors import PacketError
from headrace.srt.stream_id import decode_stream_id_words, encode_stream_id_words

HANDSHAKE_BYTES: Final = 48
SRT_MAGIC: Final = 0x4A17
"""In the extension field of an induction response: "this listener speaks version 5" (4.3.1.1)."""
UDT_DATAGRAM: Final = 2
"""In the extension field of an induction request, for listeners of version 4."""
SRT_VERSION: Final = 0x0001_0503
MAX_EXTENSION_BLOCKS: Final = 8
"""There are eight block types; a peer repeats none."""

_FIXED: Final = struct.Struct(">IHHIIIIII16s")
_BLOCK_HEADER: Final = struct.Struct(">HH")
_HSREQ: Final = struct.Struct(">III")


class HandshakeType(IntEnum):
    """Handshake types; a value from 1000 up to `REJECTION_END` is a refusal."""

    INDUCTION = 1
    WAVEHAND = 0
    CONCLUSION = 0xFFFF_FFFF
    AGREEMENT = 0xFFFF_FFFE
    DONE = 0xFFFF_FFFD


REJECTION_START: Final = 1000
REJECTION_END: Final = 0x7FFF_FFFF


class ExtensionFlags(IntFlag):
    """Which extension blocks a conclusion carries."""

    HSREQ = 1
    KMREQ = 2
    CONFIG = 4


class ExtensionType(IntEnum):
    """Extension block types."""

    HSREQ = 1
    HSRSP = 2
    KMREQ = 3
    KMRSP = 4
    STREAM_ID = 5
    CONGESTION = 6
    FILTER = 7
    GROUP = 8


class SrtFlags(IntFlag):
    """Capabilities in HSREQ and HSRSP."""

    TSBPDSND = 0x01
    TSBPDRCV = 0x02
    CRYPT = 0x04
    TLPKTDROP = 0x08
    PERIODICNAK = 0x10
    REXMITFLG = 0x20
    STREAM = 0x40
    PACKET_FILTER = 0x80


LIVE_FLAGS: Final = SrtFlags(0xBF)
"""Everything but STREAM: what libsrt sends in live mode."""


@dataclass(frozen=True, slots=True)
class LiveCapabilities:
    """The body of HSREQ and HSRSP.

    Attributes:
        srt_version: ``0x00MMmmpp``.
        flags: What the side can do.
        receiver_latency_ms: TSBPD delay of the side that says this, as a receiver.
        sender_latency_ms: The least TSBPD delay that it asks of its peer as a receiver.
    """

    srt_version: int = SRT_VERSION
    flags: SrtFlags = LIVE_FLAGS
    receiver_latency_ms: int = 120
    sender_latency_ms: int = 0


@dataclass(frozen=True, slots=True)
class Handshake:
    """One handshake packet without its header.

    Attributes:
        version: 4 in an induction request, 5 after.
        encryption_field: 0 for none, 2, 3, 4 for AES-128, -192, -256.
        extension_field: `UDT_DATAGRAM`, `SRT_MAGIC` or `ExtensionFlags`.
        initial_seqno: First sequence number of the side's data, 31 bits.
        mss_bytes: Largest IP packet.
        flow_window_packets: Most packets in flight.
        handshake_type: `HandshakeType` or a refusal code.
        socket_id: The sender's own socket id.
        cookie: The listener's cookie, 0 before it is known.
        peer_address: 16 bytes, the address that the sender sends to.
        capabilities: HSREQ or HSRSP block, or None.
        key_material: KMREQ or KMRSP block, or None.
        stream_id: Stream id block, or None.
        congestion: Name in the congestion control block, or None.
        filter: Text of the packet filter block, or None.
        group: Body of the group (bonding) block, or None.
    """

    version: int
    encryption_field: int
    extension_field: int
    initial_seqno: int
    mss_bytes: int
    flow_window_packets: int
    handshake_type: int
    socket_id: int
    cookie: int = 0
    peer_address: bytes = bytes(16)
    capabilities: LiveCapabilities | None = None
    key_material: bytes | None = field(default=None, repr=False)
    stream_id: str | None = field(default=None, repr=False)
    congestion: str | None = None
    filter: str | None = None
    group: bytes | None = None

    @property
    def rejection_code(self) -> int | None:
        """The refusal code, or None if this is no refusal."""
        refused = REJECTION_START <= self.handshake_type <= REJECTION_END
        return self.handshake_type if refused else None


def encode_peer_address(host: bytes) -> bytes:
    """Return the peer address field for 16 bytes of IPv6 (IPv4 mapped), as libsrt writes it on x86.

    Each 32-bit word is byte-reversed; an IPv4 address stands in the first word alone.
    """
    words = host[12:] + bytes(12) if host.startswith(bytes(10) + b"\xff\xff") else host
    return b"".join(words[start : start + 4][::-1] for start in range(0, 16, 4))


def decode_handshake(body: bytes) -> Handshake:
    """Return the handshake in ``body``, the bytes after the packet header.

    Raises:
        PacketError: ``short_handshake``, or what is wrong with an extension block.
    """
    if len(body) < HANDSHAKE_BYTES:
        raise PacketError("short_handshake", f"{len(body)} bytes")
    fields = _FIXED.unpack_from(body)
    version, handshake_type = fields[0], fields[6]
    has_blocks = handshake_type == HandshakeType.CONCLUSION and version >= 5
    return Handshake(*fields, **_decode_extensions(body[HANDSHAKE_BYTES:]) if has_blocks else {})


def _decode_extensions(rest: bytes) -> dict[str, Any]:
    """Return what the blocks say by the names of `Handshake`; of two that say the same the last holds."""
    found: dict[str, Any] = {}
    blocks = 0
    while len(rest) >= _BLOCK_HEADER.size:
        blocks += 1
        if blocks > MAX_EXTENSION_BLOCKS:
            raise PacketError("too_many_extension_blocks")
        extension_type, words = _BLOCK_HEADER.unpack_from(rest)
        end = _BLOCK_HEADER.size + 4 * words
        if end > len(rest):
            raise PacketError("extension_over_the_end", f"type {extension_type}, {words} words")
        found |= _decode_block(extension_type, rest[_BLOCK_HEADER.size : end])
        rest = rest[end:]
    return found


def _decode_block(extension_type: int, body: bytes) -> dict[str, Any]:
    match extension_type:
        case ExtensionType.HSREQ | ExtensionType.HSRSP:
            return {"capabilities": _decode_capabilities(body)}
        case ExtensionType.KMREQ | ExtensionType.KMRSP:
            return {"key_material": body}
        case ExtensionType.STREAM_ID:
            return {"stream_id": decode_stream_id_words(body)}
        case ExtensionType.CONGESTION:
            return {"congestion": decode_stream_id_words(body)}
        case ExtensionType.FILTER:
            return {"filter": decode_stream_id_words(body)}
        case ExtensionType.GROUP:
            return {"group": body}
    return {}  # "unknown extensions are skipped" (by libsrt as well), so that newer peers can connect


def _decode_capabilities(body: bytes) -> LiveCapabilities:
    if len(body) < _HSREQ.size:
        raise PacketError("short_hsreq", f"{len(body)} bytes")
    version, flags, latency = _HSREQ.unpack_from(body)
    return LiveCapabilities(version, SrtFlags(flags & 0xFF), latency >> 16, latency & 0xFFFF)


def encode_handshake(handshake: Handshake, *, response: bool = False) -> bytes:
    """Return the body of a handshake packet; ``response`` chooses HSRSP and KMRSP over HSREQ and KMREQ."""
    fixed = _FIXED.pack(
        handshake.version,
        handshake.encryption_field,
        handshake.extension_field,
        handshake.initial_seqno,
        handshake.mss_bytes,
        handshake.flow_window_packets,
        handshake.handshake_type,
        handshake.socket_id,
        handshake.cookie,
        handshake.peer_address,
    )
    return fixed + b"".join(_encode_blocks(handshake, response=response))


def _encode_blocks(handshake: Handshake, *, response: bool) -> list[bytes]:
    blocks: list[bytes] = []
    if handshake.capabilities is not None:
        live = handshake.capabilities
        latency = (live.receiver_latency_ms << 16) | live.sender_latency_ms
        body = _HSREQ.pack(live.srt_version, live.flags, latency)
        blocks.append(_encode_block(ExtensionType.HSRSP if response else ExtensionType.HSREQ, body))
    if handshake.key_material is not None:
        kind = ExtensionType.KMRSP if response else ExtensionType.KMREQ
        blocks.append(_encode_block(kind, handshake.key_material))
    if handshake.stream_id:
        blocks.append(_encode_block(ExtensionType.STREAM_ID, encode_stream_id_words(handshake.stream_id)))
    if handshake.congestion:
        blocks.append(_encode_block(ExtensionType.CONGESTION, encode_stream_id_words(handshake.congestion)))
    return blocks


def _encode_block(extension_type: ExtensionType, body: bytes) -> bytes:
    return _BLOCK_HEADER.pack(extension_type, len(body) // 4) + body
