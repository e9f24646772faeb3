"""STUN: the vectors of RFC 5769, what is malformed, and what is written."""

import pytest

from headrace.base.errors import PacketError
from headrace.base.sockaddr import decode_sockaddr, encode_sockaddr
from headrace.webrtc.stun import (
    MAX_ATTRIBUTES,
    MAX_MESSAGE_BYTES,
    AttributeType,
    MessageType,
    decode_error_code,
    decode_message,
    decode_xor_address,
    encode_error_code,
    encode_message,
    encode_xor_address,
    is_stun,
    read_username,
)

# RFC 5769, 2.1 to 2.3: made by others, with the short-term password below.
PASSWORD = b"VOkJxbRl1RmTxUk/WvJxBt"
REQUEST = bytes.fromhex(
    "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff80290008932f"
    "f9b151263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf"
)
RESPONSE_V4 = bytes.fromhex(
    "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643000800142b91"
    "f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96"
)
RESPONSE_V6 = bytes.fromhex(
    "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a1470113a9faa5d3f179bc25"
    "f4b5bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c"
)
TRANSACTION = bytes.fromhex("b7e7a701bc34d686fa87dfae")


def reason(datagram: bytes) -> str:
    with pytest.raises(PacketError) as caught:
        decode_message(datagram)
    return caught.value.reason


def test_the_sample_request_is_read_and_its_integrity_holds() -> None:
    message = decode_message(REQUEST)
    assert (message.message_type, message.transaction_id) == (MessageType.REQUEST, TRANSACTION)
    assert message.attributes[AttributeType.USERNAME] == b"evtj:h6vY"
    assert message.attributes[AttributeType.PRIORITY] == bytes.fromhex("6e0001ff")
    assert message.has_integrity(PASSWORD)
    assert not message.has_integrity(PASSWORD + b"x")
    assert message.unknown_attributes == []


@pytest.mark.parametrize(
    ("datagram", "host"), [(RESPONSE_V4, "192.0.2.1"), (RESPONSE_V6, "2001:db8:1234:5678:11:2233:4455:6677")]
)
def test_the_sample_answers_tell_the_address_and_ours_is_written_alike(datagram: bytes, host: str) -> None:
    message = decode_message(datagram)
    assert message.has_integrity(PASSWORD)
    mapped = message.attributes[AttributeType.XOR_MAPPED_ADDRESS]
    address = decode_xor_address(mapped, TRANSACTION)
    assert decode_sockaddr(address) == (host, 32853, 0)
    assert encode_xor_address(address, TRANSACTION) == mapped


def test_ipv4_in_ipv6_is_told_as_ipv4() -> None:
    mapped = encode_xor_address(encode_sockaddr("::ffff:192.0.2.1", 32853), TRANSACTION)
    assert mapped == encode_xor_address(encode_sockaddr("192.0.2.1", 32853), TRANSACTION)


def test_the_username_is_found_without_decoding() -> None:
    assert read_username(REQUEST) == b"evtj:h6vY"
    assert read_username(RESPONSE_V4) == b""
    assert read_username(REQUEST[:50]) == b""


@pytest.mark.parametrize("datagram", [REQUEST, RESPONSE_V4, RESPONSE_V6])
def test_the_samples_are_stun_and_no_part_of_a_header_is(datagram: bytes) -> None:
    assert is_stun(datagram)
    assert not is_stun(datagram[:19])
    assert not is_stun(b"\x04" + datagram[1:])
    assert not is_stun(datagram[:4] + b"\0" + datagram[5:])


def test_any_bit_that_is_not_as_it_was_is_seen() -> None:
    for at in range(len(REQUEST) * 8):
        changed = bytearray(REQUEST)
        changed[at // 8] ^= 1 << at % 8
        try:
            message = decode_message(bytes(changed))
        except PacketError:
            continue
        # What is left where FINGERPRINT has become something else is still protected by the integrity, up to it.
        assert message.has_integrity(PASSWORD) == (at // 8 >= len(REQUEST) - 8)


def test_what_is_written_is_read_again() -> None:
    attributes = [(AttributeType.USERNAME, b"a:b"), (AttributeType.USE_CANDIDATE, b"")]
    message = decode_message(encode_message(MessageType.REQUEST, TRANSACTION, attributes, PASSWORD))
    assert message.attributes == {AttributeType.USERNAME: b"a:b", AttributeType.USE_CANDIDATE: b""}
    assert message.has_integrity(PASSWORD)
    assert not decode_message(encode_message(MessageType.REQUEST, TRANSACTION, attributes)).has_integrity(b"")


def test_what_comes_after_the_integrity_is_not_believed() -> None:
    plain = encode_message(MessageType.REQUEST, TRANSACTION, [(AttributeType.USERNAME, b"a:b")], PASSWORD)[:-8]
    added = plain + bytes.fromhex("00250000")
    message = decode_message(added[:2] + (len(added) - 20).to_bytes(2, "big") + added[4:])
    assert AttributeType.USE_CANDIDATE not in message.attributes
    assert message.has_integrity(PASSWORD)


def test_of_two_attributes_of_a_type_the_first_counts() -> None:
    twice = [(AttributeType.USERNAME, b"one"), (AttributeType.USERNAME, b"two")]
    message = decode_message(encode_message(MessageType.REQUEST, TRANSACTION, twice))
    assert message.attributes[AttributeType.USERNAME] == b"one"


def test_attributes_that_have_to_be_understood_and_are_not_are_named() -> None:
    strange = [(0x7FFF, b""), (0x8000, b""), (AttributeType.PRIORITY, bytes(4))]
    assert decode_message(encode_message(1, TRANSACTION, strange)).unknown_attributes == [0x7FFF]


def raw(body: bytes, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return b"\0\1" + size.to_bytes(2, "big") + b"\x21\x12\xa4\x42" + TRANSACTION + body


@pytest.mark.parametrize(
    ("datagram", "named"),
    [
        (b"", "stun_header"),
        (raw(b"", 4), "stun_length"),
        (raw(bytes(2)), "stun_length"),
        (raw(bytes(4), 0), "stun_length"),
        (raw(b"\0\6\0\1"), "stun_attribute"),
        (raw(b"\0\6\xff\xff" + bytes(8)), "stun_attribute"),
        (raw(b"\0\x08\0\4" + bytes(4)), "stun_integrity"),
        (raw(b"\x80\x28\0\4" + bytes(4)), "stun_fingerprint"),
        (raw(b"\x80\x28\0\4" + bytes(8)), "stun_fingerprint"),
        (raw(b"\x80\x28\0\0"), "stun_fingerprint"),
        (raw(b"\0\6\0\0" * (MAX_ATTRIBUTES + 1)), "stun_too_many_attributes"),
        (raw(bytes(MAX_MESSAGE_BYTES - 20) + bytes(4)), "stun_length"),
    ],
)
def test_what_is_malformed_is_refused_under_a_name(datagram: bytes, named: str) -> None:
    assert reason(datagram) == named


def test_the_limits_are_reached() -> None:
    assert len(decode_message(raw(b"\0\6\0\0" * MAX_ATTRIBUTES)).attributes) == 1
    room = MAX_MESSAGE_BYTES - 24
    decode_message(raw(b"\0\6" + room.to_bytes(2, "big") + bytes(room)))


def test_error_codes() -> None:
    assert decode_error_code(encode_error_code(487, "Role Conflict")) == 487
    for value in b"", b"\0\0\4", b"\0\0\2\0", b"\0\0\7\0", b"\0\0\4\x64":
        with pytest.raises(PacketError, match="stun_error_code"):
            decode_error_code(value)


@pytest.mark.parametrize("value", [b"", b"\0\1", b"\0\1" + bytes(5), b"\0\1" + bytes(18), b"\0\3" + bytes(6)])
def test_an_address_of_another_length_is_refused(value: bytes) -> None:
    with pytest.raises(PacketError, match="stun_address"):
        decode_xor_address(value, TRANSACTION)
