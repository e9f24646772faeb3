"""SRTP and SRTCP: seals what is sent, many times over for many viewers, and opens what comes.

Sealing is done here, as the index of a packet is known and a packet may be sealed again for a resend; opening is
libsrtp's, which guesses the index and remembers what came.

Source: RFC 3711 (SRTP, AES-CM with HMAC-SHA1), RFC 7714 (AES-GCM).
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from itertools import count
from typing import Final, NamedTuple, TypeAlias

from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pylibsrtp import Error as LibsrtpError
from pylibsrtp import Policy, Session

from headrace.base.errors import LocalProtocolError, PacketError
from headrace.webrtc.srtp_profile import MasterKey, SrtpProfile

ROOM_BYTES: Final = 16
"""By which the room for a sealed packet has to be longer than the clear one, whatever the profile."""
REPLAY_WINDOW_PACKETS: Final = 1024
"""A second of video at 10 Mbit/s: what is sent again after a loss may be as late."""
MAX_SSRCS: Final = 64
"""Streams that a peer may have: three simulcast layers with their resends and sound are seven."""
MAX_PACKET_BYTES: Final = 1500
"""What libsrtp's room takes."""

_RTP_HEADER_BYTES: Final = 12
_RTCP_HEADER_BYTES: Final = 8
_PLAIN_FIRST_BYTE: Final = 0x80
_EXTENSION_FLAG: Final = 0x10
_CSRC_COUNT: Final = 0x0F
_GCM_TAG_BYTES: Final = 16
_GCM_NONCE_BYTES: Final = 12
_CM_TAG_BYTES: Final = 10
_ENCRYPTED_FLAG: Final = 1 << 31
_INDEX_LIMIT: Final = 1 << 31
_INDEX_BITS: Final = 48
"""Of an RTP packet: rollover counter and sequence number."""
_RTP_CIPHER, _RTP_AUTH, _RTP_SALT, _RTCP_CIPHER, _RTCP_AUTH, _RTCP_SALT = range(6)

Readable: TypeAlias = bytes | memoryview


class ClearPacket(NamedTuple):
    """An RTP packet taken apart once, to be sealed for many.

    Attributes:
        header: With contributing sources and extension: stays clear.
        payload: What is encrypted.
        nonce_bits: What a nonce has of the packet besides its index: the SSRC, above 48 bits.
        clear_bytes: Length of the header.
        length_bytes: Of the whole packet.
    """

    header: bytes
    payload: bytes
    nonce_bits: int
    clear_bytes: int
    length_bytes: int


def clear_packet(packet: Readable) -> ClearPacket:
    """Take apart a whole RTP packet with a header of 12 bytes or more."""
    clear_bytes = rtp_header_bytes(packet)
    nonce_bits = int.from_bytes(packet[8:12], "big") << _INDEX_BITS
    header, payload = bytes(packet[:clear_bytes]), bytes(packet[clear_bytes:])
    return ClearPacket(header, payload, nonce_bits, clear_bytes, len(packet))


class Sealer(ABC):
    """Seals what goes to one peer.

    Attributes:
        profile: How.
        overhead_bytes: By which a sealed RTP packet is longer than the clear one.
    """

    __slots__ = ("_rtcp_index", "overhead_bytes", "profile")

    def __init__(self, profile: SrtpProfile) -> None:
        self.profile = profile
        self.overhead_bytes = profile.tag_bytes
        self._rtcp_index = 0

    @abstractmethod
    def seal_run(self, packets: Iterable[ClearPacket], first_index: int, rows: Iterable[memoryview]) -> None:
        """Write RTP packets that follow one another, sealed; each becomes `overhead_bytes` longer.

        The same packet can be sealed again at any time, and gives the same bytes.

        Args:
            packets: In order; so many as there are rows, at most.
            first_index: Of the first, as of `seal_into`.
            rows: One for each, as ``out`` of `seal_into`.
        """

    def seal_into(self, packet: Readable, index: int, out: memoryview) -> int:
        """Write one RTP packet, sealed, and return its length. For many, `seal_run` takes two thirds of the time.

        Args:
            packet: Whole, with a header of 12 bytes or more.
            index: Its sequence number, extended to 48 bits. The peer counts rollovers from 0 at the first packet
                that it gets, so the upper 32 bits are to be 0 there.
            out: At least `ROOM_BYTES` longer than the packet.
        """
        clear = clear_packet(packet)
        self.seal_run((clear,), index, (out,))
        return clear.length_bytes + self.overhead_bytes

    def seal_rtcp(self, packet: bytes) -> bytes:
        """Return a compound RTCP packet sealed.

        Raises:
            LocalProtocolError: It has no whole header, or the index has come to its end after 2**31 packets.
        """
        if len(packet) < _RTCP_HEADER_BYTES or self._rtcp_index >= _INDEX_LIMIT:
            raise LocalProtocolError("this cannot be sealed as RTCP")
        sealed = self._seal_rtcp(packet, self._rtcp_index)
        self._rtcp_index += 1
        return sealed

    @abstractmethod
    def _seal_rtcp(self, packet: bytes, index: int) -> bytes: ...


def make_sealer(master: MasterKey) -> Sealer:
    """Return what seals with a master key."""
    return _GcmSealer(master) if master.profile.is_gcm else _CounterSealer(master)


def rtp_header_bytes(packet: Readable) -> int:
    """Return how long a header is, with contributing sources and extension: that much stays clear."""
    first = packet[0]
    if first == _PLAIN_FIRST_BYTE:
        return _RTP_HEADER_BYTES
    length = _RTP_HEADER_BYTES + 4 * (first & _CSRC_COUNT)
    if first & _EXTENSION_FLAG:
        length += 4 + 4 * int.from_bytes(packet[length + 2 : length + 4], "big")
    return length


class _GcmSealer(Sealer):
    """AES-GCM.

    Source: RFC 7714, 8 and 9.
    """

    __slots__ = ("_rtcp_cipher", "_rtcp_salt", "_rtp_cipher", "_rtp_salt")

    def __init__(self, master: MasterKey) -> None:
        super().__init__(master.profile)
        key_bytes, salt_bytes = master.profile.key_bytes, master.profile.salt_bytes
        self._rtp_cipher = AESGCM(master.derive(_RTP_CIPHER, key_bytes))
        self._rtp_salt = int.from_bytes(master.derive(_RTP_SALT, salt_bytes), "big")
        self._rtcp_cipher = AESGCM(master.derive(_RTCP_CIPHER, key_bytes))
        self._rtcp_salt = int.from_bytes(master.derive(_RTCP_SALT, salt_bytes), "big")

    def seal_run(self, packets: Iterable[ClearPacket], first_index: int, rows: Iterable[memoryview]) -> None:
        encrypt_into, salt = self._rtp_cipher.encrypt_into, self._rtp_salt
        indexed = zip(packets, rows, count(first_index), strict=False)
        for (header, payload, nonce_bits, clear_bytes, length_bytes), row, index in indexed:
            row[:clear_bytes] = header
            # 16 zero bits, SSRC, rollover counter and sequence number (8.1).
            nonce = (salt ^ (nonce_bits | index)).to_bytes(_GCM_NONCE_BYTES, "big")
            encrypt_into(nonce, payload, header, row[clear_bytes : length_bytes + _GCM_TAG_BYTES])

    def _seal_rtcp(self, packet: bytes, index: int) -> bytes:
        header, word = packet[:_RTCP_HEADER_BYTES], (_ENCRYPTED_FLAG | index).to_bytes(4, "big")
        nonce = self._rtcp_salt ^ (int.from_bytes(packet[4:8], "big") << _INDEX_BITS | index)
        sealed = self._rtcp_cipher.encrypt(
            nonce.to_bytes(_GCM_NONCE_BYTES, "big"), packet[_RTCP_HEADER_BYTES:], header + word
        )
        return header + sealed + word


class _Counter:
    """AES in counter mode and HMAC-SHA1, for one kind of packet: contexts that live on.

    Source: RFC 3711, 4.1.1 and 4.2.1.
    """

    __slots__ = ("_cipher", "_hmac", "_salt")

    def __init__(self, master: MasterKey, first_label: int) -> None:
        key = master.derive(first_label, master.profile.key_bytes)
        self._hmac = hmac.HMAC(master.derive(first_label + 1, master.profile.auth_key_bytes), hashes.SHA1())  # noqa: S303 - the profile's
        self._salt = int.from_bytes(master.derive(first_label + 2, master.profile.salt_bytes), "big") << 16
        self._cipher: CipherContext = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor()

    def encrypt_into(self, payload: Readable, nonce_bits: int, out: memoryview) -> None:
        """Write the cipher of ``payload``; ``out`` is at least 15 bytes longer, which are left alone.

        Args:
            payload: What is encrypted.
            nonce_bits: SSRC, and index in 48 bits.
            out: Where to.
        """
        self._cipher.reset_nonce((self._salt ^ nonce_bits << 16).to_bytes(16, "big"))
        self._cipher.update_into(payload, out)

    def tag(self, covered: Readable) -> bytes:
        """Return the first 80 bits of the HMAC."""
        context = self._hmac.copy()
        context.update(covered)
        return context.finalize()[:_CM_TAG_BYTES]


class _CounterSealer(Sealer):
    __slots__ = ("_rtcp", "_rtp")

    def __init__(self, master: MasterKey) -> None:
        super().__init__(master.profile)
        self._rtp, self._rtcp = _Counter(master, _RTP_CIPHER), _Counter(master, _RTCP_CIPHER)

    def seal_run(self, packets: Iterable[ClearPacket], first_index: int, rows: Iterable[memoryview]) -> None:
        rtp = self._rtp
        indexed = zip(packets, rows, count(first_index), strict=False)
        for (header, payload, nonce_bits, clear_bytes, end), row, index in indexed:
            row[:clear_bytes] = header
            rtp.encrypt_into(payload, nonce_bits | index, row[clear_bytes:])
            # The rollover counter is covered as well (4.2), and lies where the tag comes to lie.
            row[end : end + 4] = (index >> 16).to_bytes(4, "big")
            row[end : end + _CM_TAG_BYTES] = rtp.tag(row[: end + 4])

    def _seal_rtcp(self, packet: bytes, index: int) -> bytes:
        room = memoryview(bytearray(len(packet) + ROOM_BYTES))
        nonce_bits, end = int.from_bytes(packet[4:8], "big") << _INDEX_BITS | index, len(packet)
        room[:_RTCP_HEADER_BYTES] = packet[:_RTCP_HEADER_BYTES]
        self._rtcp.encrypt_into(packet[_RTCP_HEADER_BYTES:], nonce_bits, room[_RTCP_HEADER_BYTES:])
        room[end : end + 4] = (_ENCRYPTED_FLAG | index).to_bytes(4, "big")
        covered = bytes(room[: end + 4])
        return covered + self._rtcp.tag(covered)


_REASONS: Final = {
    "authentication failure": "srtp_bad_tag",
    "cipher failure": "srtp_bad_tag",
    "replay check failed (bad index)": "srtp_replayed",
    "replay check failed (index too old)": "srtp_too_old",
}


class Opener:
    """Opens what comes from one peer, each packet once.

    Args:
        master: What the peer seals with.
    """

    __slots__ = ("_session", "_ssrcs")

    def __init__(self, master: MasterKey) -> None:
        policy = Policy(
            key=master.key + master.salt,
            ssrc_type=Policy.SSRC_ANY_INBOUND,
            srtp_profile=master.profile.libsrtp_number,
        )
        policy.window_size = REPLAY_WINDOW_PACKETS
        self._session = Session(policy)
        self._ssrcs: set[bytes] = set()

    def open_rtp(self, packet: bytes) -> bytes:
        """Return an RTP packet in clear.

        Raises:
            PacketError: ``srtp_length``, ``srtp_bad_tag``, ``srtp_replayed``, ``srtp_too_old``,
                ``srtp_malformed`` or ``srtp_too_many_ssrcs``.
        """
        if not _RTP_HEADER_BYTES <= len(packet) <= MAX_PACKET_BYTES:
            raise PacketError("srtp_length", f"{len(packet)} bytes")
        self._check_ssrc(packet[8:12])
        try:
            opened = self._session.unprotect(packet)
        except LibsrtpError as error:
            raise PacketError(_REASONS.get(str(error), "srtp_malformed")) from None
        self._ssrcs.add(packet[8:12])
        return opened

    def open_rtcp(self, packet: bytes) -> bytes:
        """Return a compound RTCP packet in clear.

        Raises:
            PacketError: As of `open_rtp`.
        """
        if not _RTCP_HEADER_BYTES <= len(packet) <= MAX_PACKET_BYTES:
            raise PacketError("srtp_length", f"{len(packet)} bytes")
        self._check_ssrc(packet[4:8])
        try:
            opened = self._session.unprotect_rtcp(packet)
        except LibsrtpError as error:
            raise PacketError(_REASONS.get(str(error), "srtp_malformed")) from None
        self._ssrcs.add(packet[4:8])
        return opened

    def _check_ssrc(self, ssrc: bytes) -> None:
        """Libsrtp keeps state for each source: a peer is not to make as many as it likes."""
        if len(self._ssrcs) >= MAX_SSRCS and ssrc not in self._ssrcs:
            raise PacketError("srtp_too_many_ssrcs")
