"""Whether a caller's key material and a passphrase make a connection, an encrypted one or a clear one.

Source: libsrt docs, API/rejection-codes; draft-sharabayko-srt, 6.1.5 (key material exchange).
"""

from headrace.base.errors import PacketError
from headrace.srt.handshake import Handshake
from headrace.srt.key_material import BadSecretError, KeyCipher, decode_key_material, unwrap_keys
from headrace.srt.rejection import RejectReason
from headrace.srt.session_keys import SessionKeys


def agree_on_keys(
    conclusion: Handshake, passphrase: str | None, *, is_enforced: bool = True
) -> SessionKeys | RejectReason | None:
    """Return the keys of the connection, None for one without encryption, or the code to refuse it with.

    A key length without key material is a caller that set one and no passphrase (libsrt 1.5.1): one without
    encryption. Key material costs 1 ms of work, so ask who the caller is first.

    Args:
        conclusion: The caller's.
        passphrase: What it must have, or None.
        is_enforced: False lets in also who has none; a wrong one is refused all the same.

    Returns:
        `RejectReason.UNSECURE` where one side alone has a passphrase, `RejectReason.CRYPTO` for a cipher that is
        not AES-CTR, `RejectReason.BAD_SECRET` for another passphrase, `RejectReason.ROGUE` for what is malformed.
    """
    if conclusion.key_material is None:
        return RejectReason.UNSECURE if passphrase is not None and is_enforced else None
    if passphrase is None:
        return RejectReason.UNSECURE
    try:
        material = decode_key_material(conclusion.key_material)
    except PacketError:
        return RejectReason.ROGUE
    if material.cipher != KeyCipher.AES_CTR:
        return RejectReason.CRYPTO
    try:
        return unwrap_keys(material, passphrase)
    except BadSecretError:
        return RejectReason.BAD_SECRET
