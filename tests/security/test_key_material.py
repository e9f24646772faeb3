"""Key material in handshakes: the wrong length, the wrong numbers, the wrong secret, at the wrong moment."""

from random import Random

import pytest
from tests.fuzz.targets.handshake import conclusion
from tests.support.srt_datagrams import THERE

from headrace.base.errors import PacketError
from headrace.srt.handshake import decode_handshake
from headrace.srt.key_agreement import agree_on_keys
from headrace.srt.key_material import (
    MAX_KEY_MATERIAL_BYTES,
    KeyCipher,
    decode_key_material,
    encode_key_material,
    make_keys,
    wrap_keys,
)
from headrace.srt.listener import ConnectionRequest, Listener, ListenerOptions
from headrace.srt.packet import Header
from headrace.srt.rejection import RejectReason
from headrace.srt.session_keys import KEY_LENGTHS_BYTES, KeySource, SessionKeys

PASSPHRASE = "a long passphrase"
GOOD = {
    length: encode_key_material(wrap_keys(make_keys(PASSPHRASE, length, KeySource(bytes(32)))))
    for length in KEY_LENGTHS_BYTES
}


@pytest.mark.parametrize("length", KEY_LENGTHS_BYTES)
def test_every_length_but_the_right_one_is_malformed(length: int) -> None:
    good = GOOD[length]
    assert decode_key_material(good).key_length_bytes == length
    for cut in range(len(good)):
        with pytest.raises(PacketError):
            decode_key_material(good[:cut])
    for more in (1, 4, 8, MAX_KEY_MATERIAL_BYTES, 1352):
        with pytest.raises(PacketError):
            decode_key_material(good + bytes(more))


def test_no_byte_of_the_message_makes_anything_but_a_refusal_or_keys() -> None:
    for at in range(len(GOOD[16])):
        for value in (0, 1, 0x7F, 0x80, 0xFF):
            body = GOOD[16][:at] + bytes([value]) + GOOD[16][at + 1 :]
            agreed = agree_on_keys(decode_handshake(conclusion(key_material=body)), PASSPHRASE)
            assert isinstance(agreed, SessionKeys | RejectReason)


@pytest.mark.parametrize(
    ("body", "passphrase", "code"),
    [
        (GOOD[16], "another passphrase", RejectReason.BAD_SECRET),
        (GOOD[16], None, RejectReason.UNSECURE),
        (None, PASSPHRASE, RejectReason.UNSECURE),
        (GOOD[16][:10] + b"\x03" + GOOD[16][11:], PASSPHRASE, RejectReason.ROGUE),
        (GOOD[16][:8] + bytes([KeyCipher.AES_GCM, 1]) + GOOD[16][10:], PASSPHRASE, RejectReason.CRYPTO),
        (b"", PASSPHRASE, RejectReason.ROGUE),
    ],
    ids=["another_secret", "nobody_has_one", "no_secret", "encapsulation", "aes_gcm", "empty"],
)
def test_what_is_wrong_has_its_code(body: bytes | None, passphrase: str | None, code: RejectReason) -> None:
    assert agree_on_keys(decode_handshake(conclusion(key_material=body)), passphrase) == code


@pytest.mark.parametrize("words", [0, 1, 18, 26, 27, 255, 349])
def test_a_handshake_with_key_material_of_any_length_is_refused_or_asked_about(words: int) -> None:
    body = conclusion(key_material=Random(1).randbytes(4 * words), extension_field=7)
    listener = Listener(ListenerOptions(), bytes(32))
    answer = listener.handle_handshake(Header(0x8000_0000, 0, 0, 0), body, THERE, 90_000_000)
    assert isinstance(answer, ConnectionRequest)
    assert agree_on_keys(answer.handshake, PASSPHRASE) == RejectReason.ROGUE


def test_nothing_shows_a_key() -> None:
    keys = make_keys(PASSPHRASE, 32, KeySource(bytes(32)))
    secrets = [secret for secret in (keys.even, keys.kek, keys.salt) if secret]
    shown = repr(keys) + repr(wrap_keys(keys)) + repr(decode_key_material(GOOD[32]))
    assert not any(secret.hex() in shown or repr(secret)[2:-1] in shown for secret in secrets)
