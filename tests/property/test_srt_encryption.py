"""Encryption against plain twins: the cipher block by block, key material there and back, and any bytes at all."""

from dataclasses import replace

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.base.errors import PacketError
from headrace.srt.key_exchange import KeyRefresh, OpeningKeys, SealingKeys
from headrace.srt.key_material import (
    MAX_KEY_MATERIAL_BYTES,
    BadSecretError,
    decode_key_material,
    encode_key_material,
    unwrap_with_kek,
    wrap_keys,
)
from headrace.srt.packet import KEY_FLAGS, MESSAGE_NUMBER_MASK, Header, message_word
from headrace.srt.packet_cipher import PacketCipher
from headrace.srt.session_keys import KEY_LENGTHS_BYTES, KeySource, Parity, SessionKeys

SEQNOS = st.integers(0, 2**31 - 1) | st.sampled_from([0, 1, 2**31 - 1, 2**30])
SALTS = st.binary(min_size=16, max_size=16)


def of_length(length_bytes: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=length_bytes, max_size=length_bytes)


KEYS = st.sampled_from(KEY_LENGTHS_BYTES).flatmap(of_length)


@st.composite
def session_keys(draw: st.DrawFn) -> SessionKeys:
    length_bytes = draw(st.sampled_from(KEY_LENGTHS_BYTES))
    parities = draw(st.sampled_from([(True, False), (False, True), (True, True)]))
    even, odd = (draw(of_length(length_bytes)) if is_there else None for is_there in parities)
    return SessionKeys(draw(SALTS), even, odd, draw(of_length(length_bytes)))


def plain_apply(key: bytes, salt: bytes, seqno: int, payload: bytes) -> bytes:
    """Return what the draft says of one packet: each block's counter, encrypted, and combined byte by byte."""
    result = bytearray()
    for block in range(-(-len(payload) // 16)):
        counter = bytearray(salt[:14] + block.to_bytes(2, "big"))
        for offset, byte in enumerate(seqno.to_bytes(4, "big")):
            counter[10 + offset] ^= byte
        stream = Cipher(AES(key), ECB()).encryptor().update(bytes(counter))
        result += bytes(a ^ b for a, b in zip(payload[16 * block :], stream, strict=False))
    return bytes(result)


@settings(max_examples=100)
@given(KEYS, SALTS, st.lists(st.tuples(SEQNOS, st.binary(min_size=1, max_size=1456)), min_size=1, max_size=4))
def test_the_cipher_does_what_its_twin_does_whatever_came_before(
    key: bytes, salt: bytes, packets: list[tuple[int, bytes]]
) -> None:
    cipher = PacketCipher(key, salt)
    for seqno, payload in packets:
        sealed = cipher.apply(seqno, payload)
        assert sealed == plain_apply(key, salt, seqno, payload)
        assert cipher.apply(seqno, sealed) == payload


@settings(max_examples=100)
@given(session_keys())
def test_key_material_goes_there_and_back_within_its_bounds(keys: SessionKeys) -> None:
    body = encode_key_material(wrap_keys(keys))
    count = (keys.even is not None) + (keys.odd is not None)
    assert len(body) == 16 + 16 + 8 + count * keys.key_length_bytes <= MAX_KEY_MATERIAL_BYTES
    assert len(body) % 4 == 0
    material = decode_key_material(body)
    assert encode_key_material(material) == body
    assert unwrap_with_kek(material, keys.kek) == keys
    for key in (keys.even, keys.odd, keys.kek):
        assert key is None or key not in material.wrapped


@settings(max_examples=300)
@given(session_keys(), st.data())
def test_what_one_changed_byte_makes_is_dropped_or_the_same_keys(keys: SessionKeys, data: st.DataObject) -> None:
    body = encode_key_material(wrap_keys(keys))
    offset = data.draw(st.integers(0, len(body) - 1))
    changed = body[:offset] + bytes([data.draw(st.integers(0, 255))]) + body[offset + 1 :]
    try:
        found = unwrap_with_kek(decode_key_material(changed), keys.kek)
    except (PacketError, BadSecretError):
        return
    # A salt and a cipher are not part of what is wrapped; reserved bits mean nothing; one key may change its name.
    assert changed == body or offset < 32
    assert {found.even, found.odd} == {keys.even, keys.odd}


@settings(max_examples=300)
@given(st.binary(max_size=150) | st.binary(max_size=120).map(lambda rest: b"\x12\x20\x29" + rest))
def test_any_bytes_are_key_material_within_bounds_or_dropped(body: bytes) -> None:
    try:
        material = decode_key_material(body)
    except PacketError:
        return
    assert (len(material.salt), material.key_length_bytes in KEY_LENGTHS_BYTES) == (16, True)
    assert material.has_even or material.has_odd
    assert len(material.wrapped) == 8 + material.key_length_bytes * (material.has_even + material.has_odd)


@given(st.integers(0, 2**31), st.booleans(), st.integers(0, 3))
def test_a_message_word_keeps_its_fields_apart(number: int, retransmitted: bool, parity: int) -> None:
    word = message_word(number, retransmitted=retransmitted, key_parity=parity)
    assert 0xE000_0000 <= word < 2**32
    assert word & MESSAGE_NUMBER_MASK == number & MESSAGE_NUMBER_MASK
    assert Header(0, word, 0, 0).key_parity == parity
    assert word & ~KEY_FLAGS == message_word(number, retransmitted=retransmitted)


@settings(max_examples=50)
@given(session_keys(), st.lists(st.booleans(), max_size=60), st.integers(2, 6), st.data())
def test_a_receiver_opens_everything_whatever_announcements_and_answers_are_lost(
    keys: SessionKeys, is_lost: list[bool], period: int, data: st.DataObject
) -> None:
    refresh = KeyRefresh(period, data.draw(st.integers(1, period - 1)))
    keys = replace(keys, odd=None) if keys.even is not None else keys
    sender, receiver = SealingKeys(keys, KeySource(bytes(32)), refresh), OpeningKeys(keys)
    losses = iter(is_lost)
    for count in range(40):
        now_us = count * 1_000_000
        sealed = sender.seal(count, b"payload %d" % count)
        assert receiver.cipher(sender.parity).apply(count, sealed) == b"payload %d" % count
        sender.note_sealed(1, now_us, 1000)
        sender.handle_timer(now_us)
        for request in sender.poll_controls():
            if not next(losses, False):
                answer = receiver.handle_request(request.body, now_us)
                if not next(losses, False):
                    sender.handle_answer(answer.body)
    assert sender.parity in Parity
