"""A peer connection: what a stranger gets, how it comes about, and how it ends."""

import pytest
from tests.support.rtc_peers import (
    ELSEWHERE,
    HERE,
    OUR_IDENTITY,
    OURS,
    THEIRS,
    THERE,
    check,
    connected,
    events,
    exchange,
    our_peer,
    reason,
    sent,
    their_peer,
)

from headrace.base.errors import PacketError
from headrace.webrtc.ice import IceCredentials
from headrace.webrtc.peer import (
    CHECKS_PER_SECOND,
    CONSENT_US,
    MAX_CHECKS,
    MAX_EVENTS,
    SETUP_US,
    Peer,
    RtcpReceived,
    RtpReceived,
)
from headrace.webrtc.rtp import RtpPacket, encode_rtp
from headrace.webrtc.stun import AttributeType, MessageType, decode_message, decode_xor_address, encode_message

PACKET = encode_rtp(RtpPacket(96, 7, 900, 0x1234, b"picture", marker=True))
REPORT = bytes.fromhex("81ce0002 00000001 00001234")


def sealed(peer: Peer, packet: bytes = PACKET, index: int = 7) -> bytes:
    assert peer.sealer is not None
    out = memoryview(bytearray(1500))
    return bytes(out[: peer.sealer.seal_into(packet, index, out)])


@pytest.mark.parametrize("is_dtls_client", [False, True])
def test_two_peers_connect_in_either_role_and_media_flows_both_ways(is_dtls_client: bool) -> None:
    one, other = connected(is_dtls_client=is_dtls_client)
    assert (one.address, other.address) == (THERE, HERE)
    for here, there, address in (one, other, HERE), (other, one, THERE):
        there.handle_datagram(sealed(here), address, 1)
        assert here.sealer is not None
        there.handle_datagram(here.sealer.seal_rtcp(REPORT), address, 1)
        assert events(there) == [RtpReceived(PACKET), RtcpReceived(REPORT)]
        assert not there.ignored_packets


def test_a_check_is_answered_where_it_came_from_with_the_address_it_came_from() -> None:
    peer = our_peer()
    assert peer.address is None
    peer.handle_datagram(check(key=b"guess"), THERE, 0)
    assert not peer.has_checked(THERE)
    peer.handle_datagram(check(b"transaction!"), THERE, 0)
    assert peer.has_checked(THERE)
    ((answer, address),) = sent(peer)
    message = decode_message(answer)
    assert message.message_type == MessageType.SUCCESS
    assert address == peer.address == THERE
    mapped = message.attributes[AttributeType.XOR_MAPPED_ADDRESS]
    assert decode_xor_address(mapped, b"transaction!") == THERE
    assert message.has_integrity(OURS.pwd.encode())


@pytest.mark.parametrize(
    ("datagram", "counted"),
    [
        (check(key=b"guess"), "ice_integrity"),
        (check(to=THEIRS), "ice_username"),
        (check()[:-1], "stun_length"),
        (b"", "unknown_protocol"),
        (b"GET / HTTP/1.1", "unknown_protocol"),
        (b"\x16\xfe\xfd" + bytes(60), "dtls_unchecked_address"),
        (PACKET, "media_unchecked_address"),
        (REPORT, "media_unchecked_address"),
    ],
)
def test_what_a_stranger_sends_is_dropped_under_a_name_and_answered_with_nothing(
    datagram: bytes, counted: str
) -> None:
    peer = our_peer()
    peer.handle_datagram(datagram, ELSEWHERE, 0)
    assert (sent(peer), events(peer), peer.address) == ([], [], None)
    assert peer.ignored_packets == {counted: 1}


def test_a_client_begins_when_a_check_has_come_and_not_before() -> None:
    peer = our_peer(is_dtls_client=True)
    peer.handle_timer(0)
    assert sent(peer) == []
    peer.handle_datagram(check(), THERE, 0)
    answer, hello = sent(peer)
    assert (answer[0][0], hello[0][0], hello[1]) == (1, 22, THERE)


def test_media_before_the_keys_is_dropped() -> None:
    peer = our_peer()
    peer.handle_datagram(check(), THERE, 0)
    peer.handle_datagram(PACKET, THERE, 0)
    assert peer.ignored_packets == {"media_before_keys": 1}


def test_a_peer_with_another_certificate_than_its_sdp_says_is_refused() -> None:
    one, other = our_peer(fingerprint=OUR_IDENTITY.fingerprint), their_peer()
    one.handle_datagram(check(), THERE, 0)
    other.handle_datagram(check(to=THEIRS, by=OURS), HERE, 0)
    exchange(one, other)
    assert (reason(one), reason(other)) == ("dtls_wrong_certificate", "dtls_failed")
    assert one.sealer is None


def test_a_fingerprint_that_is_none_is_an_error_at_once() -> None:
    with pytest.raises(PacketError, match="fingerprint_hash"):
        our_peer(fingerprint="md5 00:11")


def test_a_packet_is_taken_once() -> None:
    one, other = connected()
    for _ in range(2):
        other.handle_datagram(sealed(one), HERE, 1)
    assert events(other) == [RtpReceived(PACKET)]
    assert other.ignored_packets == {"srtp_replayed": 1}


def test_a_forged_packet_is_dropped() -> None:
    one, other = connected()
    forged = bytearray(sealed(one))
    forged[-1] ^= 1
    other.handle_datagram(bytes(forged), HERE, 1)
    assert other.ignored_packets == {"srtp_bad_tag": 1}


def test_who_makes_no_check_is_given_up() -> None:
    peer = our_peer(now_us=5)
    assert peer.poll_timer() == 5 + SETUP_US
    peer.handle_timer(4 + SETUP_US)
    assert events(peer) == []
    peer.handle_timer(5 + SETUP_US)
    assert (reason(peer), peer.poll_timer()) == ("ice_timeout", None)


def test_who_makes_checks_and_no_handshake_is_given_up() -> None:
    peer = our_peer()
    for now_us in range(0, SETUP_US, 1_000_000):
        peer.handle_datagram(check(), THERE, now_us)
    peer.handle_timer(SETUP_US)
    assert reason(peer) == "dtls_timeout"


def test_consent_ends_after_30_s_of_silence_and_is_renewed_by_checks_and_by_sealed_packets() -> None:
    one, other = connected()
    one.handle_datagram(check(), THERE, 10_000_000)
    one.handle_datagram(sealed(other), THERE, 20_000_000)
    one.handle_datagram(PACKET, THERE, 30_000_000)  # not sealed: anybody's
    one.handle_datagram(check(key=b"guess"), THERE, 30_000_000)
    assert one.poll_timer() == 20_000_000 + CONSENT_US
    events(one)
    one.handle_timer(20_000_000 + CONSENT_US)
    assert reason(one) == "consent_expired"


def test_closing_tells_the_peer_and_nothing_is_taken_or_sent_after_it() -> None:
    one, other = connected()
    one.close(1)
    one.close(1)
    ((alert, address),) = sent(one)
    assert address == THERE
    other.handle_datagram(alert, HERE, 1)
    assert reason(other) == "dtls_closed"
    one.handle_datagram(check(), THERE, 2)
    one.handle_timer(CONSENT_US)
    assert (sent(one), events(one), one.poll_timer(), one.close_reason) == ([], [], None, "closed")
    assert one.ignored_packets == {"closed": 1}


def test_events_that_nobody_fetches_do_not_pile_up() -> None:
    one, other = connected()
    for seqno in range(MAX_EVENTS + 1):
        packet = encode_rtp(RtpPacket(96, seqno, 0, 0x1234, b""))
        other.handle_datagram(sealed(one, packet, seqno), HERE, 1)
    assert len(events(other)) == MAX_EVENTS
    assert other.ignored_packets == {"too_many_events": 1}


def test_so_many_checks_are_answered_and_the_one_past_them_is_counted() -> None:
    peer = our_peer()
    for _ in range(MAX_CHECKS):
        peer.handle_datagram(encode_message(MessageType.INDICATION, bytes(12), [], b"forged"), THERE, 0)
    assert peer.ignored_packets.pop("ice_not_a_check") == MAX_CHECKS
    for number in range(MAX_CHECKS + 1):
        peer.handle_datagram(check(number.to_bytes(12, "big")), THERE, 0)
    assert len(sent(peer)) == MAX_CHECKS
    assert peer.ignored_packets == {"too_many_checks": 1}
    peer.handle_datagram(check(), THERE, 1_000_000 // CHECKS_PER_SECOND)
    assert len(sent(peer)) == 1


def test_media_moves_to_a_new_address_when_that_has_answered_a_check_of_ours() -> None:
    one, _ = connected()
    one.handle_datagram(check(), ELSEWHERE, 1)
    assert one.address == THERE
    _, (ours, to) = sent(one)
    assert to == ELSEWHERE
    answer = encode_message(MessageType.SUCCESS, decode_message(ours).transaction_id, [], THEIRS.pwd.encode())
    one.handle_datagram(answer, THERE, 1)  # from where it was not asked
    assert (one.address, one.ignored_packets) == (THERE, {"ice_unknown_answer": 1})
    one.handle_datagram(answer, ELSEWHERE, 1)
    assert one.address == ELSEWHERE


def test_after_an_ice_restart_checks_with_new_credentials_are_answered() -> None:
    one, _ = connected()
    new = IceCredentials("newufrag", "n" * 22)
    one.handle_datagram(check(to=new), THERE, 1)
    one.restart_ice(new, THEIRS)
    one.handle_datagram(check(to=new), THERE, 1)
    assert len(sent(one)) == 1
    assert one.ignored_packets == {"ice_username": 1}
