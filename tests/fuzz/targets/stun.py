"""STUN messages, and the lite agent that gets them."""

from random import Random
from typing import Final

from tests.fuzz.target import Target
from tests.fuzz.wrong import make_wrong, pick_word
from tests.support.rtc_peers import ELSEWHERE, MAX_AMPLIFICATION, OURS, THEIRS, THERE, check

from headrace.base.errors import PacketError
from headrace.webrtc.ice import IceAgent, IceCredentials, username_ufrag
from headrace.webrtc.stun import (
    MAX_ATTRIBUTES,
    AttributeType,
    MessageType,
    decode_error_code,
    decode_message,
    decode_xor_address,
    encode_error_code,
    encode_message,
    encode_xor_address,
    read_username,
)

_KEY: Final = OURS.pwd.encode()
_NEW: Final = IceCredentials("newufrag", "n" * 22)


def run(datagram: bytes) -> int:
    """Decode, and hand it to agents before and after they know where their peer is."""
    username = read_username(datagram)
    username_ufrag(username)
    try:
        message = decode_message(datagram)
    except PacketError as error:
        assert error.reason.isidentifier()
        message = None
    if message is not None:
        assert len(message.attributes) <= MAX_ATTRIBUTES
        assert message.attributes.get(AttributeType.USERNAME, username) == username
        message.has_integrity(_KEY)
        _look_at(message.attributes, message.transaction_id)
    fresh, settled = IceAgent(OURS, THEIRS, Random(1).randbytes), IceAgent(OURS, THEIRS, Random(1).randbytes)
    settled.handle_datagram(check(), THERE, 0)
    settled.note_proof(THERE)
    settled.restart(_NEW, THEIRS)
    settled.poll_datagrams()
    for agent in fresh, settled:
        _give(agent, datagram)
    assert settled.address == THERE
    return 6 * len(datagram)


def _look_at(attributes: dict[int, bytes], transaction_id: bytes) -> None:
    try:
        address = decode_xor_address(attributes.get(AttributeType.XOR_MAPPED_ADDRESS, b""), transaction_id)
        assert decode_xor_address(encode_xor_address(address, transaction_id), transaction_id)
    except PacketError as error:
        assert error.reason == "stun_address"
    try:
        assert 300 <= decode_error_code(attributes.get(AttributeType.ERROR_CODE, b"")) < 700
    except PacketError as error:
        assert error.reason == "stun_error_code"


def _give(agent: IceAgent, datagram: bytes) -> None:
    try:
        agent.handle_datagram(datagram, ELSEWHERE, 5)
    except PacketError as error:
        assert error.reason.isidentifier()
        assert agent.poll_datagrams() == []
        return
    said = agent.poll_datagrams()
    assert all(address == ELSEWHERE for _, address in said)
    assert sum(len(one) for one, _ in said) <= MAX_AMPLIFICATION * max(len(datagram), 80)


def seeds() -> list[bytes]:
    """Return checks and answers."""
    mapped = (AttributeType.XOR_MAPPED_ADDRESS, encode_xor_address(THERE, bytes(12)))
    return [
        check(),
        check(names=False, more=((0x7001, b"abc"), (0xC057, bytes(4)))),
        check(to=_NEW),
        check(key=b"guess"),
        check(more=((AttributeType.ICE_CONTROLLED, bytes(8)),)),
        encode_message(MessageType.SUCCESS, bytes(12), [mapped], THEIRS.pwd.encode()),
        encode_message(MessageType.ERROR, bytes(12), [(AttributeType.ERROR_CODE, encode_error_code(487, "x"))]),
        encode_message(MessageType.INDICATION, bytes(12), []),
    ]


def wrong(datagram: bytes, random: Random) -> bytes:
    """Return the message with one word wrong."""
    return make_wrong(datagram, random, pick_word)


TARGET = Target(run, seeds, wrong, max_bytes=1400)
