"""One peer connection: ICE on our lite side, DTLS in either role, SRTP; datagrams in and out, media in clear.

It has no input or output: `Peer.handle_datagram` takes what came, `Peer.poll_datagram` gives what is to be sent,
`Peer.poll_event` what has happened, and `Peer.poll_timer` says when `Peer.handle_timer` wants to be called.

Source: RFC 9443, 3 (which protocol a datagram is of), RFC 5764 and RFC 8842 (DTLS-SRTP), RFC 7675 (consent).
"""

from collections import Counter, deque
from dataclasses import dataclass
from typing import Final, TypeAlias

from headrace.base.errors import PacketError
from headrace.base.token_bucket import TokenBucket
from headrace.webrtc.dtls import Dtls
from headrace.webrtc.ice import IceAgent, IceCredentials, RandomBytes
from headrace.webrtc.identity import Identity, decode_fingerprint
from headrace.webrtc.rtp import is_rtcp
from headrace.webrtc.srtp import Opener, Sealer, make_sealer
from headrace.webrtc.stun import is_stun, read_username

CONSENT_US: Final = 30_000_000
"""RFC 7675, 5.1: who has not been heard for so long does not want our media."""
SETUP_US: Final = 30_000_000
"""How long a peer may take from its offer to the end of the DTLS handshake."""
MAX_EVENTS: Final = 4096
"""More are not kept for a caller that does not come to fetch them: some seconds of video at 10 Mbit/s."""
CHECKS_PER_SECOND: Final = 100
MAX_CHECKS: Final = 200
"""Each takes 45 us. A peer makes 20 to 50 a second until it has found a path, then one in some seconds."""

_DTLS_FIRST: Final = 20
_DTLS_LAST: Final = 63
_RTP_FIRST: Final = 128
_RTP_LAST: Final = 191


@dataclass(frozen=True, slots=True)
class Connected:
    """DTLS has ended well: media can flow.

    Attributes:
        profile_name: Of SRTP, as OpenSSL calls it.
    """

    profile_name: str


@dataclass(frozen=True, slots=True)
class Closed:
    """It is over, and not by our own `Peer.close`.

    Attributes:
        reason: ``ice_timeout``, ``dtls_timeout``, ``consent_expired``, or what `Dtls.close_reason` says.
    """

    reason: str


@dataclass(slots=True)
class RtpReceived:
    """A media packet came.

    Attributes:
        packet: In clear.
    """

    packet: bytes


@dataclass(slots=True)
class RtcpReceived:
    """A control packet came.

    Attributes:
        packet: In clear, compound.
    """

    packet: bytes


Event: TypeAlias = Connected | Closed | RtpReceived | RtcpReceived


class Peer:
    """One peer connection.

    Args:
        local: Our ICE credentials.
        remote: The peer's.
        identity: Our certificate.
        remote_fingerprint: The peer's, as its SDP says it.
        is_dtls_client: Whether we begin DTLS: the answer said ``setup:active``, or the peer's ``passive``.
        random_bytes: Unpredictable, for transaction ids.
        now_us: The time.

    Attributes:
        ignored_packets: How many were dropped for which reason.
        sealer: Seals what is sent, None before the connection is there.
        close_reason: None while it lives; then as of `Closed`, or ``closed``.

    Raises:
        PacketError: What `decode_fingerprint` raises.
    """

    __slots__ = (
        "_began_us",
        "_checks",
        "_dtls",
        "_events",
        "_heard_us",
        "_ice",
        "_opener",
        "_outgoing",
        "close_reason",
        "ignored_packets",
        "sealer",
    )

    def __init__(
        self,
        *,
        local: IceCredentials,
        remote: IceCredentials,
        identity: Identity,
        remote_fingerprint: str,
        is_dtls_client: bool,
        random_bytes: RandomBytes,
        now_us: int,
    ) -> None:
        self._ice = IceAgent(local, remote, random_bytes)
        self._dtls = Dtls(identity, decode_fingerprint(remote_fingerprint), is_client=is_dtls_client)
        self._checks = TokenBucket(CHECKS_PER_SECOND, MAX_CHECKS)
        self._opener: Opener | None = None
        self._began_us = self._heard_us = now_us
        self._outgoing: deque[tuple[bytes, bytes]] = deque()
        self._events: deque[Event] = deque()
        self.sealer: Sealer | None = None
        self.close_reason: str | None = None
        self.ignored_packets: Counter[str] = Counter()

    @property
    def address(self) -> bytes | None:
        """Where media goes, 28 bytes: the peer has made an ICE check from there. None before that."""
        return self._ice.address

    def has_checked(self, address: bytes) -> bool:
        """Return whether a check that was made with the password came from ``address``."""
        return self._ice.has_checked(address)

    def restart_ice(self, local: IceCredentials, remote: IceCredentials) -> None:
        """Take new ICE credentials; media goes on as before until the peer has named a path with the new ones."""
        self._ice.restart(local, remote)

    def handle_datagram(self, data: bytes, address: bytes, now_us: int) -> None:
        """Take one datagram from ``address``. Never raises: what is wrong is counted and dropped."""
        try:
            self._handle_datagram(data, address, now_us)
        except PacketError as error:
            self.ignored_packets[error.reason] += 1

    def _handle_datagram(self, data: bytes, address: bytes, now_us: int) -> None:
        if self.close_reason is not None:
            raise PacketError("closed")
        first = data[0] if data else 0
        if is_stun(data):
            self._handle_stun(data, address, now_us)
        elif _DTLS_FIRST <= first <= _DTLS_LAST:
            self._handle_dtls(data, address, now_us)
        elif _RTP_FIRST <= first <= _RTP_LAST:
            self._handle_media(data, address, now_us)
        else:
            raise PacketError("unknown_protocol")

    def _handle_stun(self, data: bytes, address: bytes, now_us: int) -> None:
        # Without our name in it, it may come from anybody who forges an address, and costs less.
        if read_username(data) and not self._checks.afford(1, now_us):
            raise PacketError("too_many_checks")
        self._ice.handle_datagram(data, address, now_us)
        self._heard_us = now_us
        self._outgoing.extend(self._ice.poll_datagrams())
        if self._ice.address is not None:
            self._dtls.start(now_us)
            self._settle_dtls(now_us)

    def _handle_dtls(self, data: bytes, address: bytes, now_us: int) -> None:
        if not self._ice.has_checked(address):
            raise PacketError("dtls_unchecked_address")
        self._ice.prefer(address)
        self._dtls.handle_datagram(data, now_us)
        self._settle_dtls(now_us)

    def _handle_media(self, data: bytes, address: bytes, now_us: int) -> None:
        if not self._ice.has_checked(address):
            raise PacketError("media_unchecked_address")
        if self._opener is None:
            raise PacketError("media_before_keys")
        if len(self._events) >= MAX_EVENTS:
            raise PacketError("too_many_events")
        if is_rtcp(data):
            self._events.append(RtcpReceived(self._opener.open_rtcp(data)))
        else:
            self._events.append(RtpReceived(self._opener.open_rtp(data)))
        # Differs from RFC 7675, 5.1, where only a check's answer counts: a lite agent makes no checks, and FFmpeg
        # 7 makes none once it has connected. What was sealed with the session's keys comes from the peer as well.
        self._heard_us = now_us

    def _settle_dtls(self, now_us: int) -> None:
        """Send what DTLS has to send, and see what has become of it."""
        address = self._ice.address
        assert address is not None
        self._outgoing.extend((datagram, address) for datagram in self._dtls.poll_datagrams())
        if self._dtls.close_reason is not None:
            self._end(self._dtls.close_reason)
        elif self.sealer is None and self._dtls.keys is not None:
            ours, theirs = self._dtls.keys
            self.sealer, self._opener = make_sealer(ours), Opener(theirs)
            self._heard_us = now_us
            self._ice.note_proof(address)  # it has answered what only this handshake can have told it
            self._events.append(Connected(ours.profile.name))

    def handle_timer(self, now_us: int) -> None:
        """Do what is due: repeat the handshake, or give up."""
        if self.close_reason is not None:
            return
        if now_us >= self._give_up_us():
            self._end(self._lateness())
            return
        if self._ice.address is not None:
            self._dtls.handle_timer(now_us)
            self._settle_dtls(now_us)

    def poll_timer(self) -> int | None:
        """Return when `handle_timer` is due, or None when it is over."""
        if self.close_reason is not None:
            return None
        dtls_us = self._dtls.poll_timer()
        return self._give_up_us() if dtls_us is None else min(dtls_us, self._give_up_us())

    def _give_up_us(self) -> int:
        return self._began_us + SETUP_US if self.sealer is None else self._heard_us + CONSENT_US

    def _lateness(self) -> str:
        if self.sealer is not None:
            return "consent_expired"
        return "ice_timeout" if self._ice.address is None else "dtls_timeout"

    def _end(self, reason: str) -> None:
        self.close_reason = reason
        self._events.append(Closed(reason))

    def close(self, now_us: int) -> None:
        """End the connection and tell the peer; no event tells of it."""
        if self.close_reason is not None:
            return
        self.close_reason = "closed"
        self._dtls.close(now_us)
        if self._ice.address is not None:
            self._outgoing.extend((datagram, self._ice.address) for datagram in self._dtls.poll_datagrams())

    def poll_datagram(self) -> tuple[bytes, bytes] | None:
        """Return the next datagram to send and the 28 bytes of its destination, or None."""
        return self._outgoing.popleft() if self._outgoing else None

    def poll_event(self) -> Event | None:
        """Return what happened next, or None."""
        return self._events.popleft() if self._events else None
