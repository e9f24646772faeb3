"""What can be a passphrase of an encrypted connection.

Source: libsrt docs, API-socket-options, SRTO_PASSPHRASE; ``HAICRYPT_SECRET_MAX_SZ`` in its sources.
"""

from typing import Final

from headrace.base.errors import HeadraceError

MIN_PASSPHRASE_BYTES: Final = 10
MAX_PASSPHRASE_BYTES: Final = 79


class PassphraseError(HeadraceError, ValueError):
    """A passphrase that cannot be one."""


def check_passphrase(passphrase: str) -> str:
    """Return ``passphrase`` if every SRT program can be given it.

    Raises:
        PassphraseError: It has not 10 to 79 bytes of UTF-8; the text says how many, and not which.
    """
    length_bytes = len(passphrase.encode("utf-8", "surrogatepass"))
    if not MIN_PASSPHRASE_BYTES <= length_bytes <= MAX_PASSPHRASE_BYTES:
        raise PassphraseError(
            f"a passphrase has {MIN_PASSPHRASE_BYTES} to {MAX_PASSPHRASE_BYTES} bytes of UTF-8, "
            f"this one has {length_bytes}"
        )
    return passphrase
