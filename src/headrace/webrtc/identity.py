"""What a side of DTLS shows of itself: a certificate that it signed itself, known by its fingerprint in the SDP.

Source: RFC 8827, 6.5 (P-256 keys); RFC 8122, 5 (fingerprints); RFC 5763, 5.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from hmac import compare_digest
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from headrace.base.errors import PacketError

LIFE_DAYS: Final = 365
"""Nobody looks at the dates of a self-signed certificate but some peers, which refuse one that has ended."""
_BACKDATED_DAYS: Final = 1
"""A peer's clock may be behind ours."""
_SERIAL_BYTES: Final = 8
_DIGESTS: Final = {"sha-256": "sha256", "sha-384": "sha384", "sha-512": "sha512"}
"""RFC 8122, 5: MD5 and MD2 must not be used; of SHA-1 collisions are known."""


@dataclass(frozen=True)
class Identity:
    """A certificate and its key. Nothing that it says of itself shows the key.

    Attributes:
        certificate: The certificate.
        private_key: Its key.
    """

    certificate: x509.Certificate
    private_key: ec.EllipticCurvePrivateKey = field(repr=False)

    @cached_property
    def certificate_der(self) -> bytes:
        """The certificate as it goes over the wire."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @cached_property
    def fingerprint(self) -> str:
        """What the SDP says of it: ``sha-256 AB:CD:...``."""
        return f"sha-256 {hashlib.sha256(self.certificate_der).digest().hex(':').upper()}"


def make_identity(now_unix_s: int) -> Identity:
    """Return a new identity; its key is made by the operating system's randomness.

    Args:
        now_unix_s: The wall clock's time.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "WebRTC")])
    now = datetime.fromtimestamp(now_unix_s, UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(hashlib.sha256(public).digest()[:_SERIAL_BYTES], "big") >> 1 | 1)
        .not_valid_before(now - timedelta(days=_BACKDATED_DAYS))
        .not_valid_after(now + timedelta(days=LIFE_DAYS))
        .sign(key, hashes.SHA256())
    )
    return Identity(certificate, key)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A fingerprint as an SDP says it.

    Attributes:
        digest_name: As `hashlib` calls the hash.
        digest: What it is to give.
    """

    digest_name: str
    digest: bytes

    def fits(self, certificate_der: bytes) -> bool:
        """Return whether it is that of a certificate."""
        return compare_digest(hashlib.new(self.digest_name, certificate_der).digest(), self.digest)


def decode_fingerprint(text: str) -> Fingerprint:
    """Return what ``text`` says, such as ``sha-256 AB:CD:...``.

    Raises:
        PacketError: ``fingerprint_hash``: a hash that is not taken; ``fingerprint_digest``: none of that hash.
    """
    hash_name, _, digits = text.strip().partition(" ")
    digest_name = _DIGESTS.get(hash_name.lower())
    if digest_name is None:
        raise PacketError("fingerprint_hash", f"one of {', '.join(_DIGESTS)} is taken")
    pairs = digits.strip().split(":")
    length = hashlib.new(digest_name).digest_size
    if len(pairs) != length or not all(len(pair) == 2 and pair.isalnum() and pair.isascii() for pair in pairs):
        raise PacketError("fingerprint_digest", f"{length} pairs of digits are wanted")
    try:
        return Fingerprint(digest_name, bytes.fromhex("".join(pairs)))
    except ValueError:
        raise PacketError("fingerprint_digest", "not hexadecimal") from None
