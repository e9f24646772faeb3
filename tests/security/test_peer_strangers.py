"""Who has passed no ICE check gets nothing from a peer connection, whatever it sends, and reaches no DTLS.

Source: CVE-2023-51443 and its kin (FreeSWITCH, Asterisk, rtpengine): a ClientHello from anywhere ended a call.
"""

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.rtc_peers import (
    ELSEWHERE,
    HERE,
    OUR_IDENTITY,
    OURS,
    THEIR_IDENTITY,
    THEIRS,
    THERE,
    check,
    connected,
    events,
    exchange,
    our_peer,
    sent,
    their_peer,
)

from headrace.base.sockaddr import encode_sockaddr
from headrace.webrtc.dtls import Dtls
from headrace.webrtc.ice import IceCredentials
from headrace.webrtc.identity import decode_fingerprint
from headrace.webrtc.peer import SETUP_US, Connected, Peer
from headrace.webrtc.stun import AttributeType, MessageType, encode_message

STRANGERS = (ELSEWHERE, THERE[:3] + b"\1" + THERE[4:], encode_sockaddr("2001:db8::1", 4002))
"""Another host, another port of the peer's, and one of IPv6."""


def checked() -> Peer:
    peer = our_peer()
    peer.handle_datagram(check(), THERE, 0)
    return peer


def greeting() -> Peer:
    peer = our_peer(is_dtls_client=True)
    peer.handle_datagram(check(), THERE, 0)
    return peer


STATES: dict[str, Callable[[], Peer]] = {
    "waits for a check": our_peer,
    "waits for a hello": checked,
    "has said hello": greeting,
    "is connected": lambda: connected()[0],
    "is connected as a client": lambda: connected(is_dtls_client=True)[0],
}

every_state = pytest.mark.parametrize("state", STATES)


def hello() -> bytes:
    client = Dtls(THEIR_IDENTITY, decode_fingerprint(OUR_IDENTITY.fingerprint), is_client=True)
    client.start(0)
    (datagram,) = client.poll_datagrams()
    return datagram


def record(kind: int, epoch: int, body: bytes) -> bytes:
    return bytes((kind, 0xFE, 0xFD)) + epoch.to_bytes(2, "big") + bytes(6) + len(body).to_bytes(2, "big") + body


HELLO = hello()
RECORDS = [
    HELLO,
    record(21, 0, b"\2\x28"),  # handshake_failure, fatal
    record(21, 0, b"\1\0"),  # close_notify
    record(21, 1, bytes(26)),
    record(22, 0, bytes(40)),
    record(23, 1, bytes(40)),
    record(63, 0, b""),
]
USERNAME = (AttributeType.USERNAME, f"{OURS.ufrag}:{THEIRS.ufrag}".encode())
CHECKS = [
    check(key=b"guess"),
    check(key=THEIRS.pwd.encode()),
    check(to=IceCredentials("other", "o" * 22)),
    encode_message(MessageType.REQUEST, bytes(12), [USERNAME, (AttributeType.USE_CANDIDATE, b"")]),
    encode_message(MessageType.REQUEST, bytes(12), []),
    encode_message(MessageType.INDICATION, bytes(12), [USERNAME], OURS.pwd.encode()),
    encode_message(MessageType.SUCCESS, bytes(12), [], THEIRS.pwd.encode()),
    encode_message(MessageType.ERROR, bytes(12), [], THEIRS.pwd.encode()),
    check()[:-12],
]
MEDIA = [bytes((0x80, kind)) + bytes(length) for kind in (96, 200, 206) for length in (0, 6, 10, 40, 1_400)]


def left_alone(peer: Peer, before: tuple[bytes | None, str | None]) -> bool:
    return (peer.address, peer.close_reason) == before


@every_state
@pytest.mark.parametrize("stranger", STRANGERS, ids=["host", "port", "IPv6"])
def test_nothing_that_a_stranger_sends_is_answered_or_changes_anything(state: str, stranger: bytes) -> None:
    peer = STATES[state]()
    sent(peer)
    before, timer_us = (peer.address, peer.close_reason), peer.poll_timer()
    datagrams = [*RECORDS, *CHECKS, *MEDIA, b"", b"\0", b"\xff" * 1_400, b"GET / HTTP/1.1\r\n"]
    for datagram in datagrams:
        peer.handle_datagram(datagram, stranger, 1)
        assert sent(peer) == [], datagram[:40].hex()
    assert events(peer) == []
    assert left_alone(peer, before)
    assert peer.poll_timer() == timer_us
    assert peer.ignored_packets.total() == len(datagrams)


@every_state
def test_dtls_from_an_address_that_passed_no_ice_check_is_dropped_and_counted(state: str) -> None:
    peer = STATES[state]()
    sent(peer)
    for datagram in RECORDS:
        peer.handle_datagram(datagram, ELSEWHERE, 1)
    assert peer.ignored_packets == {"dtls_unchecked_address": len(RECORDS)}
    assert sent(peer) == []


def test_a_hello_of_a_stranger_does_not_keep_the_peer_from_connecting() -> None:
    one, other = our_peer(), their_peer()
    one.handle_datagram(HELLO, ELSEWHERE, 0)
    one.handle_datagram(check(), THERE, 0)
    one.handle_datagram(HELLO, ELSEWHERE, 0)
    other.handle_datagram(check(to=THEIRS, by=OURS), HERE, 0)
    exchange(one, other)
    assert [type(event) for event in events(one)] == [Connected]


def test_who_knows_no_password_gets_nothing_over_the_whole_life_of_a_session() -> None:
    peer, went = our_peer(is_dtls_client=True), Counter[bytes]()
    for now_us in range(0, SETUP_US + 2_000_000, 500_000):
        for datagram in (*CHECKS, HELLO):
            peer.handle_datagram(datagram, ELSEWHERE, now_us)
        peer.handle_timer(now_us)
        went.update(address for _, address in sent(peer))
    assert not went
    assert peer.close_reason == "ice_timeout"


@pytest.mark.parametrize("names", [False, True])
def test_an_answer_to_a_good_check_is_no_longer_than_the_check(names: bool) -> None:
    for address in (THERE, STRANGERS[2]):
        peer = our_peer()
        datagram = check(names=names)
        peer.handle_datagram(datagram, address, 0)
        ((answer, to),) = sent(peer)
        assert to == address
        assert len(answer) <= len(datagram)


def test_a_check_that_is_sent_again_from_elsewhere_takes_no_media_there() -> None:
    one, _ = connected()
    for _ in range(50):
        one.handle_datagram(check(b"overheard..."), ELSEWHERE, 1)
    assert one.address == THERE
    assert sum(len(datagram) for datagram, address in sent(one) if address == ELSEWHERE) <= 150 * len(check())


PIECES = st.one_of(
    st.binary(max_size=1_500),
    st.sampled_from([*RECORDS, *CHECKS, *MEDIA]),
    st.builds(
        lambda datagram, at, other: datagram[:at] + other + datagram[at + len(other) :],
        st.sampled_from([*RECORDS, *CHECKS]),
        st.integers(0, 100),
        st.binary(min_size=1, max_size=8),
    ),
)


@settings(deadline=None, max_examples=60)
@given(
    state=st.sampled_from(sorted(STATES)), story=st.lists(PIECES, max_size=20), stranger=st.sampled_from(STRANGERS)
)
def test_no_story_of_a_stranger_brings_a_byte_out(state: str, story: list[bytes], stranger: bytes) -> None:
    peer = STATES[state]()
    sent(peer)
    before = peer.address, peer.close_reason
    for datagram in story:
        peer.handle_datagram(datagram, stranger, 1)
        assert sent(peer) == []
    assert left_alone(peer, before)
