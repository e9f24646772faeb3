"""SRTP protection profiles, and the keys that come from one master key.

Source: RFC 3711, 4.3 (derivation), RFC 5764, 4.2 (keys from DTLS), RFC 7714, 11 and 14 (AES-GCM).
"""

from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from pylibsrtp import Policy

from headrace.base.errors import LocalProtocolError

_SALT_BITS: Final = 112
_BLOCK_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class SrtpProfile:
    """One protection profile.

    Attributes:
        name: As OpenSSL calls it.
        key_bytes: Of a master key and of a session key.
        salt_bytes: Of a master salt.
        tag_bytes: By which a sealed RTP packet is longer.
        auth_key_bytes: Of the key for HMAC; 0 where the cipher authenticates.
        libsrtp_number: As libsrtp calls it.
    """

    name: str
    key_bytes: int
    salt_bytes: int
    tag_bytes: int
    auth_key_bytes: int
    libsrtp_number: int

    @property
    def is_gcm(self) -> bool:
        """Whether the cipher authenticates."""
        return not self.auth_key_bytes


AES_128_GCM: Final = SrtpProfile("SRTP_AEAD_AES_128_GCM", 16, 12, 16, 0, Policy.SRTP_PROFILE_AEAD_AES_128_GCM)
AES_256_GCM: Final = SrtpProfile("SRTP_AEAD_AES_256_GCM", 32, 12, 16, 0, Policy.SRTP_PROFILE_AEAD_AES_256_GCM)
AES_128_CM_SHA1_80: Final = SrtpProfile(
    "SRTP_AES128_CM_SHA1_80", 16, 14, 10, 20, Policy.SRTP_PROFILE_AES128_CM_SHA1_80
)
PROFILES: Final = (AES_128_GCM, AES_256_GCM, AES_128_CM_SHA1_80)
"""In the order in which they are preferred: the first costs least to seal with."""
MAX_OVERHEAD_BYTES: Final = 16


def profile_named(name: str) -> SrtpProfile | None:
    """Return the profile that OpenSSL calls ``name``, or None."""
    return next((profile for profile in PROFILES if profile.name == name), None)


@dataclass(frozen=True, slots=True)
class MasterKey:
    """What one direction is sealed with. Nothing that it says of itself shows it.

    Attributes:
        profile: What for.
        key: Master key.
        salt: Master salt.

    Raises:
        LocalProtocolError: One of them has not the profile's length.
    """

    profile: SrtpProfile
    key: bytes = field(repr=False)
    salt: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if (len(self.key), len(self.salt)) != (self.profile.key_bytes, self.profile.salt_bytes):
            raise LocalProtocolError(f"{self.profile.name} takes other lengths of key and salt")

    def derive(self, label: int, length: int) -> bytes:
        """Return ``length`` bytes of the session keys: labels 0 to 2 are for RTP, 3 to 5 for RTCP.

        Source: RFC 3711, 4.3.1 and 4.3.3, with a key derivation rate of 0; RFC 7714, 11, for shorter salts. The
        first of three labels is for the cipher, then come HMAC and salt.
        """
        salt = int.from_bytes(self.salt, "big") << _SALT_BITS - 8 * len(self.salt)
        counter = (salt ^ label << 48) << 16
        stream = Cipher(algorithms.AES(self.key), modes.CTR(counter.to_bytes(_BLOCK_BYTES, "big"))).encryptor()
        return stream.update(bytes(length))


def split_keying_material(profile: SrtpProfile, material: bytes) -> tuple[MasterKey, MasterKey]:
    """Return the master keys of what the DTLS client sends and of what the server sends.

    Args:
        profile: What DTLS agreed on.
        material: `material_bytes` of what DTLS exports.
    """
    keys, salts = material[: 2 * profile.key_bytes], material[2 * profile.key_bytes :]
    return (
        MasterKey(profile, keys[: profile.key_bytes], salts[: profile.salt_bytes]),
        MasterKey(profile, keys[profile.key_bytes :], salts[profile.salt_bytes :]),
    )


def material_bytes(profile: SrtpProfile) -> int:
    """Return how much DTLS is to export: two keys and two salts."""
    return 2 * (profile.key_bytes + profile.salt_bytes)
