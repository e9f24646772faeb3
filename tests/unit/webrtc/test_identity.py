"""Certificates and their fingerprints."""

import hashlib
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.hashes import SHA256

from headrace.base.errors import PacketError
from headrace.webrtc.identity import decode_fingerprint, make_identity

NOW_UNIX_S = 1_800_000_000
IDENTITY = make_identity(NOW_UNIX_S)


def test_a_certificate_is_of_p_256_signed_by_its_own_key_and_valid_now() -> None:
    certificate = IDENTITY.certificate
    IDENTITY.private_key.public_key().verify(
        certificate.signature, certificate.tbs_certificate_bytes, ECDSA(SHA256())
    )
    assert IDENTITY.private_key.curve.name == "secp256r1"
    now = datetime.fromtimestamp(NOW_UNIX_S, UTC)
    assert certificate.not_valid_before_utc < now < certificate.not_valid_after_utc


def test_each_identity_is_another() -> None:
    other = make_identity(NOW_UNIX_S)
    assert other.fingerprint != IDENTITY.fingerprint
    assert other.certificate.serial_number != IDENTITY.certificate.serial_number


def test_its_fingerprint_fits_its_certificate_and_no_other() -> None:
    fingerprint = decode_fingerprint(IDENTITY.fingerprint)
    assert IDENTITY.fingerprint.startswith("sha-256 ")
    assert fingerprint.fits(IDENTITY.certificate_der)
    assert not fingerprint.fits(make_identity(NOW_UNIX_S).certificate_der)


def test_it_shows_no_key() -> None:
    assert "rivate" not in repr(IDENTITY)


@pytest.mark.parametrize("name", ["sha-256", "SHA-384", "sha-512"])
def test_hashes_of_the_second_family_are_taken_in_either_case(name: str) -> None:
    digest = hashlib.new(name.lower().replace("-", ""), b"certificate").hexdigest()
    pairs = ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))
    assert decode_fingerprint(f"{name} {pairs}").fits(b"certificate")
    assert decode_fingerprint(f"{name} {pairs.upper()}").fits(b"certificate")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "fingerprint_hash"),
        ("md5 " + ":".join(["00"] * 16), "fingerprint_hash"),
        ("sha-1 " + ":".join(["00"] * 20), "fingerprint_hash"),
        ("sha-256", "fingerprint_digest"),
        ("sha-256 " + ":".join(["00"] * 31), "fingerprint_digest"),
        ("sha-256 " + ":".join(["00"] * 33), "fingerprint_digest"),
        ("sha-256 " + ":".join(["0 "] * 32), "fingerprint_digest"),
        ("sha-256 " + ":".join(["0G"] * 32), "fingerprint_digest"),
        ("sha-256 " + "00" * 32, "fingerprint_digest"),
    ],
)
def test_other_fingerprints_are_refused(text: str, reason: str) -> None:
    with pytest.raises(PacketError) as caught:
        decode_fingerprint(text)
    assert caught.value.reason == reason
