"""DTLS through memory BIOs: agrees on keys for SRTP, in either role.

OpenSSL does the protocol. It hands out records one after another; here they become datagrams again.

Its timer begins with a second, which is long for somebody who waits for a picture. So a flight is sent again
before that, byte for byte: what of it has come is dropped by the peer as a replay, what was lost is there. Where
the peer's answer was lost instead, that does not help, and OpenSSL's own repetition does, with new record numbers.

Source: RFC 6347 (DTLS 1.2), RFC 5764 (use_srtp), RFC 8827, 6.5; RFC 8842 for the roles.
"""

from contextlib import suppress
from functools import lru_cache
from typing import Final

from OpenSSL import SSL
from OpenSSL.crypto import FILETYPE_ASN1, X509, dump_certificate

from headrace.webrtc.identity import Fingerprint, Identity
from headrace.webrtc.srtp_profile import (
    PROFILES,
    MasterKey,
    material_bytes,
    profile_named,
    split_keying_material,
)

MTU_BYTES: Final = 1200
"""Payload of a datagram: as much as passes everywhere, IPv6 through tunnels too."""
MAX_HANDSHAKE_BYTES: Final = 16_384
"""What is sent at most before the handshake has ended: our longest flight is 1 KB, and is repeated a few times."""
MIN_TIMER_US: Final = 1_000
"""OpenSSL has a clock of its own: where that says "not yet", it is asked again after so long."""
RESEND_US: Final = (200_000, 400_000)
"""After so long without an answer a flight is sent again; then OpenSSL's timer is near. Few paths take 200 ms."""

_DTLS_1_2: Final = 0xFEFD
_RECORD_HEADER_BYTES: Final = 13
_EXPORT_LABEL: Final = b"EXTRACTOR-dtls_srtp"
_CIPHERS: Final = b":".join(
    (
        b"ECDHE-ECDSA-AES128-GCM-SHA256",
        b"ECDHE-ECDSA-AES256-GCM-SHA384",
        b"ECDHE-ECDSA-CHACHA20-POLY1305",
        b"ECDHE-RSA-AES128-GCM-SHA256",
        b"ECDHE-RSA-AES256-GCM-SHA384",
        b"ECDHE-RSA-CHACHA20-POLY1305",
        b"ECDHE-ECDSA-AES128-SHA",
        b"ECDHE-RSA-AES128-SHA",
    )
)
"""RFC 8827, 6.5: the first is mandatory. The last two are what old peers have."""
_BUFFER_BYTES: Final = 65_536
_MILLION: Final = 1_000_000


@lru_cache(maxsize=4)
def _context(identity: Identity) -> SSL.Context:
    context = SSL.Context(SSL.DTLS_METHOD)
    context.set_min_proto_version(_DTLS_1_2)
    context.set_cipher_list(_CIPHERS)
    context.set_options(SSL.OP_NO_QUERY_MTU | SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_COMPRESSION)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.use_certificate(identity.certificate)
    context.use_privatekey(identity.private_key)
    context.set_tlsext_use_srtp(":".join(profile.name for profile in PROFILES).encode())
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, _verify)
    return context


def _verify(connection: SSL.Connection, certificate: X509, _error: int, depth: int, _ok: int) -> bool:
    """Take a certificate by its fingerprint alone, as it is self-signed (RFC 8827, 6.5).

    It is not looked into: what is in it may be malformed, and nothing may be raised from here.
    """
    if depth:
        return True
    proof: _Proof = connection.get_app_data()
    proof.is_given = proof.fingerprint.fits(dump_certificate(FILETYPE_ASN1, certificate))
    return proof.is_given


class _Proof:
    """Whether the peer has shown the certificate that its SDP speaks of; None before it has shown one."""

    __slots__ = ("fingerprint", "is_given")

    def __init__(self, fingerprint: Fingerprint) -> None:
        self.fingerprint = fingerprint
        self.is_given: bool | None = None


class Dtls:
    """One DTLS association.

    Args:
        identity: Ours.
        fingerprint: The peer's.
        is_client: Whether we begin.

    Attributes:
        close_reason: None while it lives; then ``dtls_closed`` (by the peer), ``dtls_failed``,
            ``dtls_wrong_certificate``, ``dtls_no_srtp`` or ``closed`` (by us).
    """

    __slots__ = (
        "_connection",
        "_flight",
        "_is_client",
        "_is_started",
        "_keys",
        "_outgoing",
        "_proof",
        "_resend_us",
        "_resends",
        "_sent_bytes",
        "_timer_us",
        "close_reason",
    )

    def __init__(self, identity: Identity, fingerprint: Fingerprint, *, is_client: bool) -> None:
        self._proof = _Proof(fingerprint)
        self._connection = SSL.Connection(_context(identity))
        self._connection.set_app_data(self._proof)
        self._connection.set_ciphertext_mtu(MTU_BYTES)
        if is_client:
            self._connection.set_connect_state()
        else:
            self._connection.set_accept_state()
        self._is_client = is_client
        self._outgoing: list[bytes] = []
        self._sent_bytes = 0
        self._is_started = False
        self._keys: tuple[MasterKey, MasterKey] | None = None
        self._timer_us: int | None = None
        self._flight: list[bytes] = []
        self._resend_us: int | None = None
        self._resends = 0
        self.close_reason: str | None = None

    @property
    def keys(self) -> tuple[MasterKey, MasterKey] | None:
        """What we seal with and what the peer seals with; None before the handshake has ended."""
        return self._keys

    def start(self, now_us: int) -> None:
        """Begin, if that is ours to do and has not been done."""
        if self._is_client and not self._is_started:
            self._advance(now_us)

    def handle_datagram(self, datagram: bytes, now_us: int) -> None:
        """Take one datagram. Never raises."""
        if self.close_reason is not None or not datagram:
            return  # OpenSSL takes nothing for an error
        self._connection.bio_write(datagram)
        self._advance(now_us)

    def handle_timer(self, now_us: int) -> None:
        """Send the last flight again, if it is due."""
        if self.close_reason is not None:
            return
        if self._timer_us is not None and now_us >= self._timer_us:
            try:
                self._connection.DTLSv1_handle_timeout()
            except SSL.Error:
                self.close_reason = "dtls_failed"  # repeated too often
            self._flush(now_us)
        if self._resend_us is not None and now_us >= self._resend_us:
            self._send(self._flight)
            self._schedule_resend(now_us)

    def poll_timer(self) -> int | None:
        """Return when `handle_timer` is due, or None."""
        if self.close_reason is not None or self._timer_us is None:
            return None
        return self._timer_us if self._resend_us is None else min(self._timer_us, self._resend_us)

    def poll_datagrams(self) -> list[bytes]:
        """Return the datagrams to send to the peer, once."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    def close(self, now_us: int) -> None:
        """Tell the peer that it is over."""
        if self.close_reason is None:
            self._end("closed")
            self._flush(now_us)

    def _advance(self, now_us: int) -> None:
        self._is_started = True
        try:
            if self._keys is None:
                self._connection.do_handshake()
                self._finish()
            while self.close_reason is None:
                # Nothing is carried but alerts, and the peer's last flight again where ours was lost.
                self._connection.recv(_BUFFER_BYTES)
        except SSL.WantReadError:
            pass
        except SSL.ZeroReturnError:
            self.close_reason = "dtls_closed"
        except SSL.Error:
            is_shown = self._proof.is_given is not False
            self.close_reason = "dtls_failed" if is_shown else "dtls_wrong_certificate"
        self._flush(now_us)

    def _finish(self) -> None:
        """Take the keys, once the handshake has ended."""
        profile = profile_named(self._connection.get_selected_srtp_profile().decode("ascii"))
        if not self._proof.is_given:
            self._end("dtls_wrong_certificate")
        elif profile is None:
            self._end("dtls_no_srtp")
        else:
            material = self._connection.export_keying_material(_EXPORT_LABEL, material_bytes(profile))
            client, server = split_keying_material(profile, material)
            self._keys = (client, server) if self._is_client else (server, client)

    def _end(self, reason: str) -> None:
        self.close_reason = reason
        with suppress(SSL.Error):  # before the handshake has ended there is nothing to close
            self._connection.shutdown()

    def _flush(self, now_us: int) -> None:
        """Take what OpenSSL wants to send, and when it wants to be asked again."""
        records = b""
        with suppress(SSL.WantReadError):
            while True:
                records += self._connection.bio_read(_BUFFER_BYTES)
        left_s = self._connection.DTLSv1_get_timeout()
        self._timer_us = None if left_s is None else now_us + max(int(left_s * _MILLION), MIN_TIMER_US)
        if records:
            self._flight, self._resends = pack_records(records), 0
            self._send(self._flight)
            self._schedule_resend(now_us)
        elif left_s is None:
            self._flight, self._resend_us = [], None

    def _send(self, datagrams: list[bytes]) -> None:
        for datagram in datagrams:
            if self._keys is None:
                self._sent_bytes += len(datagram)
            if self._sent_bytes <= MAX_HANDSHAKE_BYTES:
                self._outgoing.append(datagram)

    def _schedule_resend(self, now_us: int) -> None:
        """Have the flight sent again, if an answer to it is waited for."""
        is_due = self._timer_us is not None and self._resends < len(RESEND_US)
        self._resend_us = now_us + RESEND_US[self._resends] if is_due else None
        self._resends += 1


def pack_records(records: bytes) -> list[bytes]:
    """Return datagrams of at most `MTU_BYTES`, each of as many whole records as it holds."""
    datagrams: list[bytes] = []
    begin = at = 0
    while at < len(records):
        end = at + _RECORD_HEADER_BYTES + int.from_bytes(records[at + 11 : at + 13], "big")
        if end - begin > MTU_BYTES and at > begin:
            datagrams.append(records[begin:at])
            begin = at
        at = end
    if begin < len(records):
        datagrams.append(records[begin:])
    return datagrams
