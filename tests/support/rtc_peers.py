"""Peers of WebRTC at both ends: ours, and a small full agent's checks that make ours talk."""

from random import Random

from headrace.base.sockaddr import encode_sockaddr
from headrace.webrtc.ice import IceCredentials, make_credentials
from headrace.webrtc.identity import make_identity
from headrace.webrtc.peer import Closed, Connected, Event, Peer
from headrace.webrtc.stun import AttributeType, MessageType, encode_message

MAX_AMPLIFICATION = 3
"""Bytes that an address gets for each that came from there, while it has made good checks and proved nothing."""
NOW_UNIX_S = 1_800_000_000
HERE, THERE, ELSEWHERE = (encode_sockaddr(f"10.0.0.{host}", 4000 + host) for host in (1, 2, 3))
OUR_IDENTITY, THEIR_IDENTITY = make_identity(NOW_UNIX_S), make_identity(NOW_UNIX_S)
OURS, THEIRS = make_credentials(Random(1).randbytes), make_credentials(Random(2).randbytes)


def check(
    transaction_id: bytes = bytes(12),
    *,
    to: IceCredentials = OURS,
    by: IceCredentials = THEIRS,
    names: bool = True,
    priority: int = 100,
    more: tuple[tuple[int, bytes], ...] = (),
    key: bytes | None = None,
) -> bytes:
    """Return a full agent's check; ``names`` nominates the path."""
    attributes = [
        (int(AttributeType.USERNAME), f"{to.ufrag}:{by.ufrag}".encode()),
        (AttributeType.PRIORITY, priority.to_bytes(4, "big")),
        (AttributeType.ICE_CONTROLLING, bytes(8)),
        *more,
    ]
    if names:
        attributes.append((AttributeType.USE_CANDIDATE, b""))
    return encode_message(MessageType.REQUEST, transaction_id, attributes, to.pwd.encode() if key is None else key)


def our_peer(*, is_dtls_client: bool = False, now_us: int = 0, fingerprint: str | None = None) -> Peer:
    """Return the peer under test."""
    return Peer(
        local=OURS,
        remote=THEIRS,
        identity=OUR_IDENTITY,
        remote_fingerprint=fingerprint or THEIR_IDENTITY.fingerprint,
        is_dtls_client=is_dtls_client,
        random_bytes=Random(3).randbytes,
        now_us=now_us,
    )


def their_peer(*, is_dtls_client: bool = True, now_us: int = 0) -> Peer:
    """Return what stands at the other end: the same code, that gets checks as we do."""
    return Peer(
        local=THEIRS,
        remote=OURS,
        identity=THEIR_IDENTITY,
        remote_fingerprint=OUR_IDENTITY.fingerprint,
        is_dtls_client=is_dtls_client,
        random_bytes=Random(4).randbytes,
        now_us=now_us,
    )


def sent(peer: Peer) -> list[tuple[bytes, bytes]]:
    """Return all that a peer wants to send."""
    found = []
    while (datagram := peer.poll_datagram()) is not None:
        found.append(datagram)
    return found


def events(peer: Peer) -> list[Event]:
    """Return all that has happened."""
    found = []
    while (event := peer.poll_event()) is not None:
        found.append(event)
    return found


def exchange(one: Peer, other: Peer, now_us: int = 0) -> None:
    """Carry datagrams from HERE to THERE and back until both have nothing to say; STUN answers are lost."""
    while True:
        there, here = sent(one), sent(other)
        if not there and not here:
            return
        for datagram, address in there:
            if address == THERE and datagram[0] >= 20:
                other.handle_datagram(datagram, HERE, now_us)
        for datagram, address in here:
            if address == HERE and datagram[0] >= 20:
                one.handle_datagram(datagram, THERE, now_us)


def connected(*, is_dtls_client: bool = False, now_us: int = 0) -> tuple[Peer, Peer]:
    """Return two peers that have found each other, HERE and THERE."""
    one = our_peer(is_dtls_client=is_dtls_client, now_us=now_us)
    other = their_peer(is_dtls_client=not is_dtls_client, now_us=now_us)
    one.handle_datagram(check(), THERE, now_us)
    other.handle_datagram(check(to=THEIRS, by=OURS), HERE, now_us)
    exchange(one, other, now_us)
    for peer in one, other:
        happened = events(peer)
        assert [type(event) for event in happened] == [Connected], happened
    return one, other


def reason(peer: Peer) -> str:
    """Return why a peer says that it is over."""
    (event,) = events(peer)
    assert isinstance(event, Closed)
    return event.reason
