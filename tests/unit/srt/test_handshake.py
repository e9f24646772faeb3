"""Handshake packets byte for byte, as libsrt 1.5.1 sends them and as we answer."""

from dataclasses import replace

import pytest
from tests.support.srt_datagrams import words

from headrace.base.errors import PacketError
from headrace.base.sockaddr import encode_sockaddr, sockaddr_host
from headrace.srt.handshake import (
    HANDSHAKE_BYTES,
    LIVE_FLAGS,
    MAX_EXTENSION_BLOCKS,
    REJECTION_END,
    SRT_MAGIC,
    UDT_DATAGRAM,
    ExtensionFlags,
    Handshake,
    HandshakeType,
    LiveCapabilities,
    SrtFlags,
    decode_handshake,
    encode_handshake,
    encode_peer_address,
)

LOOPBACK = "0100007f000000000000000000000000"
INDUCTION_OF_LIBSRT = bytes.fromhex("0000000400000002088dacff000005dc0000200000000001290510f900000000" + LOOPBACK)
CONCLUSION_OF_LIBSRT = bytes.fromhex(
    "00000005" "0000" "0005" "088dacff" "000005dc" "00002000" "ffffffff" "290510f9" "60f6bf7f" + LOOPBACK
    + "00010003" "00010501" "000000bf" "00c800c8"
    + "00050003" "6c627570" "3a687369" "316d6163"
)  # fmt: skip
CONCLUSION = Handshake(
    version=5,
    encryption_field=0,
    extension_field=ExtensionFlags.HSREQ | ExtensionFlags.CONFIG,
    initial_seqno=0x088DACFF,
    mss_bytes=1500,
    flow_window_packets=8192,
    handshake_type=HandshakeType.CONCLUSION,
    socket_id=0x290510F9,
    cookie=0x60F6BF7F,
    peer_address=bytes.fromhex(LOOPBACK),
    capabilities=LiveCapabilities(0x10501, LIVE_FLAGS, 200, 200),
    stream_id="publish:cam1",
)
FIXED = CONCLUSION_OF_LIBSRT[:HANDSHAKE_BYTES]


def block(kind: int, body: bytes) -> bytes:
    return kind.to_bytes(2, "big") + (len(body) // 4).to_bytes(2, "big") + body


HSREQ = block(1, words(0x10501, 0xBF, 0x00C8_0078))


def test_libsrt_s_induction_is_read_and_written() -> None:
    handshake = decode_handshake(INDUCTION_OF_LIBSRT)
    assert handshake == Handshake(
        4, 0, UDT_DATAGRAM, 0x088DACFF, 1500, 8192, 1, 0x290510F9, 0, bytes.fromhex(LOOPBACK)
    )
    assert encode_handshake(handshake) == INDUCTION_OF_LIBSRT


def test_libsrt_s_conclusion_is_read_and_written() -> None:
    assert decode_handshake(CONCLUSION_OF_LIBSRT) == CONCLUSION
    assert encode_handshake(CONCLUSION) == CONCLUSION_OF_LIBSRT


def test_a_response_says_hsrsp_and_kmrsp() -> None:
    answer = replace(CONCLUSION, stream_id=None, key_material=words(7))
    assert encode_handshake(answer, response=True)[HANDSHAKE_BYTES:] == (
        block(2, words(0x10501, 0xBF, 0x00C8_00C8)) + block(4, words(7))
    )
    assert encode_handshake(answer)[HANDSHAKE_BYTES:] == block(1, words(0x10501, 0xBF, 0x00C8_00C8)) + block(
        3, words(7)
    )


def test_congestion_control_is_written_in_reversed_words() -> None:
    written = encode_handshake(replace(CONCLUSION, stream_id=None, capabilities=None, congestion="live"))
    assert written[HANDSHAKE_BYTES:] == block(6, b"evil")


def test_the_magic_of_an_induction_response() -> None:
    answer = replace(decode_handshake(INDUCTION_OF_LIBSRT), version=5, extension_field=SRT_MAGIC)
    assert encode_handshake(answer)[:8].hex() == "0000000500004a17"


def test_receiver_latency_stands_in_the_upper_half() -> None:
    capabilities = decode_handshake(FIXED + HSREQ).capabilities
    assert capabilities == LiveCapabilities(0x10501, LIVE_FLAGS, receiver_latency_ms=200, sender_latency_ms=120)


def test_live_flags_are_all_but_stream() -> None:
    assert SrtFlags(0xBF) == LIVE_FLAGS
    assert SrtFlags.STREAM not in LIVE_FLAGS


@pytest.mark.parametrize("kind", [1, 2])
def test_capabilities_may_be_longer_than_we_know(kind: int) -> None:
    assert decode_handshake(FIXED + block(kind, words(1, 0x1FF, 0, 99))).capabilities == LiveCapabilities(
        1, SrtFlags(0xFF), 0, 0
    )


def test_every_block_is_read() -> None:
    handshake = decode_handshake(
        FIXED + HSREQ + block(3, words(1, 2)) + block(6, b"evil") + block(7, b",cef") + block(8, words(9))
    )
    assert handshake.key_material == words(1, 2)
    assert (handshake.congestion, handshake.filter, handshake.group) == ("live", "fec,", words(9))


def test_blocks_of_unknown_type_are_skipped() -> None:
    assert decode_handshake(FIXED + block(99, words(1)) + HSREQ).capabilities is not None
    assert decode_handshake(FIXED + block(99, b"")) == decode_handshake(FIXED)


def test_fewer_than_4_bytes_at_the_end_are_no_block() -> None:
    assert decode_handshake(FIXED + HSREQ + b"\0\0\0") == decode_handshake(FIXED + HSREQ)


def test_only_a_conclusion_of_version_5_has_blocks() -> None:
    assert decode_handshake(INDUCTION_OF_LIBSRT + block(5, b"\xff" * 4)).stream_id is None
    version_4 = replace(CONCLUSION, version=4, capabilities=None, stream_id=None)
    assert decode_handshake(encode_handshake(version_4) + HSREQ).capabilities is None


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "short_handshake"),
        (FIXED[:-1], "short_handshake"),
        (FIXED + HSREQ[:-1], "extension_over_the_end"),
        (FIXED + bytes.fromhex("0001ffff"), "extension_over_the_end"),
        (FIXED + block(1, words(1, 2)), "short_hsreq"),
        (FIXED + block(5, b"x" * 516), "stream_id_too_long"),
        (FIXED + block(5, b"\xff" * 4), "stream_id_not_utf8"),
        (FIXED + block(99, b"") * (MAX_EXTENSION_BLOCKS + 1), "too_many_extension_blocks"),
    ],
)
def test_a_malformed_handshake_says_why(body: bytes, reason: str) -> None:
    with pytest.raises(PacketError) as error:
        decode_handshake(body)
    assert error.value.reason == reason


def test_as_many_blocks_as_there_are_types_are_read() -> None:
    decode_handshake(FIXED + block(99, b"") * MAX_EXTENSION_BLOCKS)


@pytest.mark.parametrize(
    ("handshake_type", "code"),
    [(999, None), (1000, 1000), (2404, 2404), (REJECTION_END, REJECTION_END), (0xFFFF_FFFF, None), (1, None)],
)
def test_refusals_are_told_by_their_range(handshake_type: int, code: int | None) -> None:
    assert replace(CONCLUSION, handshake_type=handshake_type).rejection_code == code


def test_addresses_are_written_as_libsrt_writes_them() -> None:
    four = sockaddr_host(encode_sockaddr("127.0.0.1", 1))
    assert encode_peer_address(four).hex() == LOOPBACK
    six = sockaddr_host(encode_sockaddr("2001:db8::a1b2", 1))
    assert encode_peer_address(six).hex() == "b80d01200000000000000000b2a10000"


def test_key_material_does_not_show_as_a_passphrase_can_be_guessed_from_it() -> None:
    assert "key_material" not in repr(replace(CONCLUSION, key_material=words(7)))
