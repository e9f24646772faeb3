"""STUN messages, as far as ICE needs them: binding requests and their answers.

Source: RFC 8489, 5 (header), 14 (attributes); RFC 8445, 16.1 (those of ICE).
"""

import hashlib
import hmac
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, TypeAlias
from zlib import crc32

from headrace.base.errors import PacketError
from headrace.base.sockaddr import encode_sockaddr, sockaddr_host

HEADER_BYTES: Final = 20
TRANSACTION_BYTES: Final = 12
MAGIC_COOKIE: Final = 0x2112_A442
MAX_MESSAGE_BYTES: Final = 1280
"""RFC 8489, 6.1: the least MTU of IPv6, which no message should be longer than. Checks have about 120."""
MAX_ATTRIBUTES: Final = 24
"""Those of a check are ten at most."""

INTEGRITY_BYTES: Final = 20
_INTEGRITY_ATTRIBUTE_BYTES: Final = 4 + INTEGRITY_BYTES
_FINGERPRINT_ATTRIBUTE_BYTES: Final = 8
_FINGERPRINT_MASK: Final = 0x5354_554E
_FIRST_COMPREHENSION_OPTIONAL: Final = 0x8000
_HEADER: Final = struct.Struct(">HHI12s")
_ATTRIBUTE: Final = struct.Struct(">HH")
_MAPPED_PREFIX: Final = bytes(10) + b"\xff\xff"


class MessageType(IntEnum):
    """Message types of the method Binding."""

    REQUEST = 0x0001
    INDICATION = 0x0011
    SUCCESS = 0x0101
    ERROR = 0x0111


class AttributeType(IntEnum):
    """Attributes that are understood here; those from 0x8000 on may be unknown to who gets them."""

    USERNAME = 0x0006
    MESSAGE_INTEGRITY = 0x0008
    ERROR_CODE = 0x0009
    UNKNOWN_ATTRIBUTES = 0x000A
    XOR_MAPPED_ADDRESS = 0x0020
    PRIORITY = 0x0024
    USE_CANDIDATE = 0x0025
    SOFTWARE = 0x8022
    FINGERPRINT = 0x8028
    ICE_CONTROLLED = 0x8029
    ICE_CONTROLLING = 0x802A


Attribute: TypeAlias = tuple[int, bytes]
"""Type and value, without padding."""


@dataclass(frozen=True, slots=True)
class StunMessage:
    """A message that was decoded.

    Attributes:
        message_type: `MessageType`, or another method's.
        transaction_id: 12 bytes.
        attributes: The first of each type, up to MESSAGE-INTEGRITY; what comes after that is not protected.
        covered: What MESSAGE-INTEGRITY covers, with the length set as it wants it; empty without that attribute.
        integrity: Its value.
    """

    message_type: int
    transaction_id: bytes
    attributes: dict[int, bytes]
    covered: bytes = b""
    integrity: bytes = b""

    @property
    def unknown_attributes(self) -> list[int]:
        """Types that whoever answers has to understand and that are not understood here."""
        known = frozenset(AttributeType)
        return [kind for kind in self.attributes if kind < _FIRST_COMPREHENSION_OPTIONAL and kind not in known]

    def has_integrity(self, key: bytes) -> bool:
        """Return whether it was made by someone who knows ``key``."""
        if not self.covered:
            return False
        return hmac.compare_digest(hmac.digest(key, self.covered, hashlib.sha1), self.integrity)


def is_stun(datagram: bytes) -> bool:
    """Return whether a datagram is a STUN message, going by its first byte and the magic cookie.

    Source: RFC 9443, 3 (which protocol a first byte is of).
    """
    return len(datagram) >= HEADER_BYTES and datagram[0] < 4 and datagram[4:8] == b"\x21\x12\xa4\x42"


def read_username(datagram: bytes) -> bytes:
    """Return the USERNAME of a binding request, empty if it has none: tells whose it is before it is looked at.

    Nothing else is looked at, so it costs little; `decode_message` says whether the message is one.
    """
    at, end = HEADER_BYTES, min(len(datagram), MAX_MESSAGE_BYTES)
    while at + 4 <= end:
        kind, length = _ATTRIBUTE.unpack_from(datagram, at)
        if kind == AttributeType.USERNAME:
            return bytes(datagram[at + 4 : at + 4 + length])
        at += 4 + (length + 3 & ~3)
    return b""


def decode_message(datagram: bytes) -> StunMessage:
    """Return the message in a datagram.

    Raises:
        PacketError: ``stun_header``, ``stun_length``, ``stun_attribute``, ``stun_integrity``,
            ``stun_too_many_attributes`` or ``stun_fingerprint``.
    """
    if not is_stun(datagram):
        raise PacketError("stun_header")
    message_type, length, _, transaction_id = _HEADER.unpack_from(datagram)
    if length % 4 or HEADER_BYTES + length != len(datagram) or len(datagram) > MAX_MESSAGE_BYTES:
        raise PacketError("stun_length", f"{length} bytes of attributes in {len(datagram)} bytes")
    attributes: dict[int, bytes] = {}
    covered = integrity = b""
    for at, kind, value in _walk(datagram):
        if kind == AttributeType.FINGERPRINT:
            _check_fingerprint(datagram, at, value)
            break  # "when present, the FINGERPRINT attribute MUST be the last attribute in the message" (14.7)
        if covered:
            continue  # "ignore all other attributes that follow MESSAGE-INTEGRITY" (14.5)
        if kind == AttributeType.MESSAGE_INTEGRITY:
            covered, integrity = _covered(datagram, at, value), value
        else:
            attributes.setdefault(kind, value)
    return StunMessage(message_type, transaction_id, attributes, covered, integrity)


def _walk(datagram: bytes) -> Iterable[tuple[int, int, bytes]]:
    """Give each attribute's offset, type and value."""
    at, count = HEADER_BYTES, 0
    while at < len(datagram):
        kind, length = _ATTRIBUTE.unpack_from(datagram, at)
        end = at + 4 + length
        count += 1
        if end > len(datagram):
            raise PacketError("stun_attribute", f"type {kind:#06x} is longer than the message")
        if count > MAX_ATTRIBUTES:
            raise PacketError("stun_too_many_attributes")
        yield at, kind, datagram[at + 4 : end]
        at = end + 3 & ~3


def _covered(datagram: bytes, at: int, value: bytes) -> bytes:
    """Return what the integrity at offset ``at`` covers: the length in the header ends with it (14.5)."""
    if len(value) != INTEGRITY_BYTES:
        raise PacketError("stun_integrity", f"{len(value)} bytes")
    length = at + _INTEGRITY_ATTRIBUTE_BYTES - HEADER_BYTES
    return datagram[:2] + length.to_bytes(2, "big") + datagram[4:at]


def _check_fingerprint(datagram: bytes, at: int, value: bytes) -> None:
    if at + _FINGERPRINT_ATTRIBUTE_BYTES != len(datagram) or len(value) != 4:
        raise PacketError("stun_fingerprint", "not last, or not 4 bytes")
    if int.from_bytes(value, "big") != crc32(datagram[:at]) ^ _FINGERPRINT_MASK:
        raise PacketError("stun_fingerprint", "wrong")


def encode_message(
    message_type: int, transaction_id: bytes, attributes: Iterable[Attribute], key: bytes | None = None
) -> bytes:
    """Return a message with FINGERPRINT, and with MESSAGE-INTEGRITY where there is a ``key``."""
    body = b"".join(
        _ATTRIBUTE.pack(kind, len(value)) + value + bytes(-len(value) % 4) for kind, value in attributes
    )
    if key is not None:
        covered = _head(message_type, len(body) + _INTEGRITY_ATTRIBUTE_BYTES, transaction_id) + body
        integrity = hmac.digest(key, covered, hashlib.sha1)
        body += _ATTRIBUTE.pack(AttributeType.MESSAGE_INTEGRITY, INTEGRITY_BYTES) + integrity
    message = _head(message_type, len(body) + _FINGERPRINT_ATTRIBUTE_BYTES, transaction_id) + body
    checksum = crc32(message) ^ _FINGERPRINT_MASK
    return message + _ATTRIBUTE.pack(AttributeType.FINGERPRINT, 4) + checksum.to_bytes(4, "big")


def _head(message_type: int, length: int, transaction_id: bytes) -> bytes:
    return _HEADER.pack(message_type, length, MAGIC_COOKIE, transaction_id)


def encode_xor_address(address: bytes, transaction_id: bytes) -> bytes:
    """Return the value of XOR-MAPPED-ADDRESS for a sockaddr of 28 bytes.

    Source: RFC 8489, 14.2. IPv4 that is mapped into IPv6 is told as the IPv4 that the peer knows.
    """
    host = sockaddr_host(address)
    port = int.from_bytes(address[2:4], "big") ^ MAGIC_COOKIE >> 16
    host = host.removeprefix(_MAPPED_PREFIX)
    return bytes((0, 1 if len(host) == 4 else 2)) + port.to_bytes(2, "big") + _xor(host, transaction_id)


def decode_xor_address(value: bytes, transaction_id: bytes) -> bytes:
    """Return the sockaddr of 28 bytes that XOR-MAPPED-ADDRESS says.

    Raises:
        PacketError: ``stun_address``.
    """
    if (len(value), value[1:2]) not in {(8, b"\1"), (20, b"\2")}:
        raise PacketError("stun_address")
    port = int.from_bytes(value[2:4], "big") ^ MAGIC_COOKIE >> 16
    host = _xor(value[4:], transaction_id)
    text = ".".join(map(str, host)) if len(host) == 4 else host.hex(":", 2)
    return encode_sockaddr(text, port)


def _xor(host: bytes, transaction_id: bytes) -> bytes:
    mask = MAGIC_COOKIE.to_bytes(4, "big") + transaction_id
    return bytes(one ^ other for one, other in zip(host, mask, strict=False))


def encode_error_code(code: int, reason: str) -> bytes:
    """Return the value of ERROR-CODE."""
    return bytes((0, 0, code // 100, code % 100)) + reason.encode()


def decode_error_code(value: bytes) -> int:
    """Return the code of ERROR-CODE, 300 to 699.

    Raises:
        PacketError: ``stun_error_code``.
    """
    if len(value) < 4 or not 3 <= value[2] & 7 <= 6 or value[3] > 99:
        raise PacketError("stun_error_code")
    return 100 * (value[2] & 7) + value[3]
