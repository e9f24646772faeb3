"""Which key material and which passphrase make a connection, and with which code the others are refused."""

import pytest
from tests.support.libsrt_captures import CAPTURES, PASSPHRASE, Capture

from headrace.srt.handshake import Handshake, HandshakeType
from headrace.srt.key_agreement import agree_on_keys
from headrace.srt.key_material import decode_key_material, unwrap_keys
from headrace.srt.rejection import RejectReason
from headrace.srt.session_keys import SessionKeys

MATERIAL = CAPTURES[0].handshake_key_material
GCM = MATERIAL[:8] + b"\4\1" + MATERIAL[10:]


def conclusion(key_material: bytes | None, encryption_field: int = 2) -> Handshake:
    return Handshake(
        5, encryption_field, 3, 77, 1500, 8192, HandshakeType.CONCLUSION, 0x2222, key_material=key_material
    )


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda capture: str(8 * capture.key_length_bytes))
@pytest.mark.parametrize("is_enforced", [True, False])
def test_the_same_passphrase_makes_keys(capture: Capture, is_enforced: bool) -> None:
    asked = conclusion(capture.handshake_key_material)
    keys = agree_on_keys(asked, PASSPHRASE, is_enforced=is_enforced)
    assert keys == unwrap_keys(decode_key_material(capture.handshake_key_material), PASSPHRASE)
    assert isinstance(keys, SessionKeys)
    assert keys.key_length_bytes == capture.key_length_bytes


def test_neither_side_with_a_passphrase_makes_a_clear_connection() -> None:
    assert agree_on_keys(conclusion(None, 0), None) is None


def test_a_key_length_without_key_material_is_no_wish_for_encryption() -> None:
    assert agree_on_keys(conclusion(None, 2), None) is None


def test_a_caller_without_passphrase_gets_in_where_none_is_enforced() -> None:
    assert agree_on_keys(conclusion(None), PASSPHRASE, is_enforced=False) is None


@pytest.mark.parametrize(
    ("key_material", "passphrase", "is_enforced", "reason"),
    [
        (None, PASSPHRASE, True, RejectReason.UNSECURE),
        (MATERIAL, None, True, RejectReason.UNSECURE),
        (MATERIAL, None, False, RejectReason.UNSECURE),
        (b"", None, True, RejectReason.UNSECURE),
        (MATERIAL, "another passphrase", True, RejectReason.BAD_SECRET),
        (MATERIAL, "another passphrase", False, RejectReason.BAD_SECRET),
        (GCM, PASSPHRASE, True, RejectReason.CRYPTO),
        (b"", PASSPHRASE, True, RejectReason.ROGUE),
        (MATERIAL[:-4], PASSPHRASE, True, RejectReason.ROGUE),
    ],
)
def test_what_does_not_fit_is_refused_with_the_code_that_says_why(
    key_material: bytes | None, passphrase: str | None, is_enforced: bool, reason: RejectReason
) -> None:
    assert agree_on_keys(conclusion(key_material), passphrase, is_enforced=is_enforced) is reason
