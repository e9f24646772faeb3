"""Opening and sealing one packet."""

import pytest
from tests.support.libsrt_captures import CAPTURES, PASSPHRASE, Capture

from headrace.srt.key_material import decode_key_material, unwrap_keys
from headrace.srt.packet_cipher import PacketCipher
from headrace.srt.session_keys import Parity

KEY, SALT = bytes(range(16)), bytes(range(16, 32))


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda capture: str(8 * capture.key_length_bytes))
def test_a_packet_is_sealed_to_the_bytes_that_libsrt_sent(capture: Capture) -> None:
    keys = unwrap_keys(decode_key_material(capture.refresh_key_material), PASSPHRASE)
    ciphers = {parity: PacketCipher(keys.key(parity) or b"", keys.salt) for parity in Parity}
    for packet in capture.packets:
        sealed = ciphers[Parity(packet.parity)].apply(packet.seqno, bytes([packet.filling]) * 1316)
        assert (sealed[:32], sealed[-20:]) == (packet.head, packet.tail)


def test_applying_it_twice_gives_back_what_was_there() -> None:
    cipher = PacketCipher(KEY, SALT)
    for length_bytes in (1, 15, 16, 17, 1456):
        payload = bytes(length_bytes)
        sealed = cipher.apply(0x7FFF_FFFF, payload)
        assert len(sealed) == length_bytes
        assert sealed != payload or length_bytes == 1
        assert cipher.apply(0x7FFF_FFFF, sealed) == payload


def test_a_packet_does_not_depend_on_those_before_it() -> None:
    one, other = PacketCipher(KEY, SALT), PacketCipher(KEY, SALT)
    one.apply(1, bytes(100))
    one.apply(7, bytes(33))
    assert one.apply(5, bytes(50)) == other.apply(5, bytes(50))


def test_two_packets_share_no_part_of_their_key_stream() -> None:
    cipher = PacketCipher(KEY, SALT)
    first, second = cipher.apply(1, bytes(1456)), cipher.apply(2, bytes(1456))
    blocks = {stream[start : start + 16] for stream in (first, second) for start in range(0, 1456, 16)}
    assert len(blocks) == 2 * 91


def test_the_last_two_bytes_of_the_salt_are_not_used() -> None:
    assert PacketCipher(KEY, SALT[:14] + b"xx").apply(9, bytes(64)) == PacketCipher(KEY, SALT).apply(9, bytes(64))
