"""DTLS: the handshake's datagrams, its repetition, its limits and its end."""

import hashlib
import re
from contextlib import suppress

import pytest
from OpenSSL import SSL
from OpenSSL.crypto import FILETYPE_ASN1, X509, load_certificate
from tests.simnet.clock import SimClock
from tests.support.openssl_clock import HAS_CLOCK, openssl_clock
from tests.support.rtc_peers import OUR_IDENTITY, THEIR_IDENTITY

from headrace.webrtc.dtls import MAX_HANDSHAKE_BYTES, MTU_BYTES, RESEND_US, Dtls, pack_records
from headrace.webrtc.identity import decode_fingerprint
from headrace.webrtc.srtp_profile import PROFILES


def pair() -> tuple[Dtls, Dtls]:
    client = Dtls(OUR_IDENTITY, decode_fingerprint(THEIR_IDENTITY.fingerprint), is_client=True)
    server = Dtls(THEIR_IDENTITY, decode_fingerprint(OUR_IDENTITY.fingerprint), is_client=False)
    return client, server


def carry(one: Dtls, other: Dtls) -> int:
    """Carry what both have to say until they are silent; return the longest datagram."""
    longest = 0
    while datagrams := [(d, other) for d in one.poll_datagrams()] + [(d, one) for d in other.poll_datagrams()]:
        for datagram, to in datagrams:
            longest = max(longest, len(datagram))
            to.handle_datagram(datagram, 0)
    return longest


def test_both_sides_have_the_same_keys_of_the_profile_that_is_preferred() -> None:
    client, server = pair()
    client.start(0)
    assert 100 < carry(client, server) <= MTU_BYTES
    assert client.keys is not None
    assert server.keys is not None
    assert client.keys == (server.keys[1], server.keys[0])
    assert client.keys[0].profile is PROFILES[0]
    assert client.keys[0].key != client.keys[1].key
    assert client.poll_timer() is server.poll_timer() is None


def test_a_client_begins_once_and_a_server_never() -> None:
    client, server = pair()
    server.start(0)
    assert server.poll_datagrams() == []
    client.start(0)
    assert len(client.poll_datagrams()) == 1
    client.start(0)
    assert client.poll_datagrams() == []


def test_a_timer_runs_while_an_answer_is_waited_for() -> None:
    client, _ = pair()
    assert client.poll_timer() is None
    client.start(5)
    due_us = client.poll_timer()
    assert due_us is not None
    assert 5 < due_us <= 5 + 1_000_000
    client.poll_datagrams()
    client.handle_timer(due_us - 1)
    assert client.poll_datagrams() == []


def test_a_flight_is_sent_again_twice_before_openssl_does_it_and_no_more_once_it_is_answered() -> None:
    client, server = pair()
    client.start(0)
    hello = client.poll_datagrams()
    for due_us in RESEND_US[0], sum(RESEND_US):
        client.handle_timer(due_us - 1)
        assert client.poll_datagrams() == []
        assert client.poll_timer() == due_us
        client.handle_timer(due_us)
        assert client.poll_datagrams() == hello
    left_us = client.poll_timer()
    assert left_us is not None
    assert left_us > sum(RESEND_US)
    server.handle_datagram(hello[0], 0)
    carry(client, server)
    client.handle_timer(10_000_000)
    server.handle_timer(10_000_000)
    assert client.poll_datagrams() == server.poll_datagrams() == []


def test_nonsense_is_dropped_and_the_handshake_goes_on() -> None:
    client, server = pair()
    for nonsense in (b"", b"\x16", b"\x16\xfe\xfd" + bytes(10), bytes(range(20, 64)), b"\x17" * 1500):
        server.handle_datagram(nonsense, 0)
    assert (server.poll_datagrams(), server.close_reason) == ([], None)
    client.start(0)
    carry(client, server)
    assert server.keys is not None


def test_closing_is_told_once_and_ends_both() -> None:
    client, server = pair()
    client.start(0)
    carry(client, server)
    client.close(0)
    client.close(0)
    (alert,) = client.poll_datagrams()
    server.handle_datagram(alert, 0)
    assert (client.close_reason, server.close_reason) == ("closed", "dtls_closed")
    server.handle_datagram(alert, 0)
    assert server.poll_timer() is None


def test_closing_before_the_handshake_has_ended_is_silent() -> None:
    client, _ = pair()
    client.start(0)
    client.poll_datagrams()
    client.close(0)
    assert (client.poll_datagrams(), client.close_reason) == ([], "closed")


def test_a_peer_with_another_certificate_is_told_and_gets_no_keys() -> None:
    client, _ = pair()
    server = Dtls(OUR_IDENTITY, decode_fingerprint(OUR_IDENTITY.fingerprint), is_client=False)
    client.start(0)
    carry(client, server)
    assert (client.close_reason, client.keys) == ("dtls_wrong_certificate", None)
    assert (server.close_reason, server.keys) == ("dtls_failed", None)


class PlainPeer:
    """A DTLS client of another make."""

    def __init__(self, srtp: bytes | None, *, shows: bool = True, certificate: X509 | None = None) -> None:
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_options(SSL.OP_NO_QUERY_MTU)
        if shows:
            context.use_certificate(certificate or THEIR_IDENTITY.certificate)
            context.use_privatekey(THEIR_IDENTITY.private_key)
        if srtp is not None:
            context.set_tlsext_use_srtp(srtp)
        self.connection = SSL.Connection(context)
        self.connection.set_connect_state()
        self.connection.set_ciphertext_mtu(MTU_BYTES)

    def handle(self, datagrams: list[bytes]) -> bytes:
        for datagram in datagrams:
            self.connection.bio_write(datagram)
        with suppress(SSL.Error):
            self.connection.do_handshake()
        try:
            return self.connection.bio_read(65_536)
        except SSL.WantReadError:
            return b""


def meet(peer: PlainPeer, fingerprint: str = THEIR_IDENTITY.fingerprint) -> Dtls:
    server = Dtls(OUR_IDENTITY, decode_fingerprint(fingerprint), is_client=False)
    said = peer.handle([])
    while said:
        server.handle_datagram(said, 0)
        said = peer.handle(server.poll_datagrams())
    return server


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_each_profile_is_agreed_on_where_it_is_all_that_is_offered(profile: object) -> None:
    one = next(found for found in PROFILES if found is profile)
    server = meet(PlainPeer(one.name.encode()))
    assert server.keys is not None
    assert server.keys[0].profile is one


def test_our_order_decides() -> None:
    server = meet(PlainPeer(b":".join(profile.name.encode() for profile in reversed(PROFILES))))
    assert server.keys is not None
    assert server.keys[0].profile is PROFILES[0]


@pytest.mark.parametrize("srtp", [None, b"SRTP_AES128_CM_SHA1_32"])
def test_a_peer_without_our_profiles_is_let_go(srtp: bytes | None) -> None:
    server = meet(PlainPeer(srtp))
    assert (server.close_reason, server.keys) == ("dtls_no_srtp", None)


def test_a_peer_without_a_certificate_is_let_go() -> None:
    server = meet(PlainPeer(PROFILES[0].name.encode(), shows=False))
    assert (server.close_reason, server.keys) == ("dtls_failed", None)


@pytest.mark.filterwarnings("ignore:Passing pyOpenSSL X509")
def test_a_certificate_with_a_date_that_is_none_is_known_by_its_fingerprint_all_the_same() -> None:
    der = THEIR_IDENTITY.certificate_der
    der = re.sub(rb"\d{12}Z", b"999999999999Z", der, count=1)
    pairs = hashlib.sha256(der).digest().hex(":")
    certificate = load_certificate(FILETYPE_ASN1, der)
    assert meet(PlainPeer(PROFILES[0].name.encode(), certificate=certificate), f"sha-256 {pairs}").keys
    other = meet(PlainPeer(PROFILES[0].name.encode(), certificate=certificate))
    assert (other.close_reason, other.keys) == ("dtls_wrong_certificate", None)


def test_records_are_packed_whole_into_datagrams() -> None:
    def record(length: int) -> bytes:
        return b"\x16\xfe\xfd" + bytes(8) + length.to_bytes(2, "big") + bytes(length)

    small, half, large = record(20), record(MTU_BYTES // 2 - 13), record(MTU_BYTES)
    assert pack_records(b"") == []
    assert pack_records(small * 3) == [small * 3]
    assert pack_records(half * 3) == [half * 2, half]
    assert pack_records(small + large + small) == [small, large, small]


def test_an_address_that_never_answers_gets_so_many_bytes_and_no_more() -> None:
    sent_bytes = 0
    client, server = pair()
    client.start(0)
    (hello,) = client.poll_datagrams()
    for _ in range(64):
        # A new hello each time, as who floods would send it: message number and record number go on.
        server.handle_datagram(hello, 0)
        sent_bytes += sum(map(len, server.poll_datagrams()))
    assert 0 < sent_bytes <= MAX_HANDSHAKE_BYTES


@pytest.mark.skipif(not HAS_CLOCK, reason="OpenSSL's clock can be replaced on 64-bit Linux alone")
def test_repetitions_to_who_never_answers_come_to_an_end() -> None:
    clock = SimClock()
    with openssl_clock(lambda: clock.now_us):
        client, server = pair()
        client.start(clock.now_us)
        server.handle_datagram(client.poll_datagrams()[0], clock.now_us)
        sent_bytes = sum(map(len, server.poll_datagrams()))
        while (due_us := server.poll_timer()) is not None and due_us < 600_000_000:
            clock.advance_to(due_us)
            server.handle_timer(due_us)
            sent_bytes += sum(map(len, server.poll_datagrams()))
    assert MAX_HANDSHAKE_BYTES - 2 * MTU_BYTES < sent_bytes <= MAX_HANDSHAKE_BYTES
