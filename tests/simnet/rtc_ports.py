"""Peers of WebRTC as endpoints of a `tests.simnet.network.SimNetwork`."""

from random import Random

from tests.support.rtc_peers import OURS, THEIRS, check, events, our_peer, sent, their_peer

from headrace.webrtc.ice import IceCredentials
from headrace.webrtc.peer import Closed, Connected, Event, Peer, RtcpReceived, RtpReceived
from headrace.webrtc.stun import AttributeType, MessageType, StunMessage, decode_message, encode_message, is_stun

QUICK_CHECK_US = 50_000
SLOW_CHECK_US = 2_500_000


class RtcPort:
    """Our peer as it is.

    Args:
        peer: The peer.

    Attributes:
        peer: As given.
        connected_us: When it was connected, None before.
        closed: Why it is over, None before.
        media: Packets that came, in clear.
        bytes_to: What was sent to each address.
    """

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.connected_us: int | None = None
        self.closed: str | None = None
        self.media: list[bytes] = []
        self.bytes_to: dict[bytes, int] = {}
        self._queue: list[tuple[bytes, bytes]] = []

    def handle_datagram(self, datagram: bytes, address: bytes, now_us: int) -> None:
        self.peer.handle_datagram(datagram, address, now_us)
        self._note(now_us)

    def handle_timer(self, now_us: int) -> None:
        self.peer.handle_timer(now_us)
        self._note(now_us)

    def poll_timer(self) -> int | None:
        return self.peer.poll_timer()

    def send(self, packet: bytes, index: int) -> None:
        """Seal a packet and send it where the peer says."""
        assert self.peer.sealer is not None
        assert self.peer.address is not None
        out = memoryview(bytearray(1500))
        length = self.peer.sealer.seal_into(packet, index, out)
        self._queue.append((bytes(out[:length]), self.peer.address))

    def poll_datagrams(self) -> list[tuple[bytes, bytes]]:
        queue, self._queue = self._queue, []
        datagrams = sent(self.peer) + queue
        for datagram, address in datagrams:
            self.bytes_to[address] = self.bytes_to.get(address, 0) + len(datagram)
        return datagrams

    def _note(self, now_us: int) -> None:
        for event in events(self.peer):
            self._note_event(event, now_us)

    def _note_event(self, event: Event, now_us: int) -> None:
        match event:
            case Connected():
                self.connected_us = now_us
            case Closed(reason):
                self.closed = reason
            case RtpReceived(packet) | RtcpReceived(packet):
                self.media.append(packet)


class BrowserPort(RtcPort):
    """A peer with the checks of a full agent, as a browser makes them.

    Args:
        peer: Does DTLS and SRTP.
        remote: Where it finds the lite side.
        random: For transaction ids.
        start_us: The time.
        ours: Credentials of the lite side.

    Attributes:
        is_silent: While True it sends nothing and hears nothing.
    """

    def __init__(
        self, peer: Peer, remote: bytes, random: Random, start_us: int, ours: IceCredentials = OURS
    ) -> None:
        super().__init__(peer)
        self.is_silent = False
        self._remote = remote
        self._random = random
        self._ours = ours
        self._check_us = start_us
        self._is_answered = False

    def handle_datagram(self, datagram: bytes, address: bytes, now_us: int) -> None:
        if self.is_silent:
            return
        if not is_stun(datagram):
            super().handle_datagram(datagram, address, now_us)
            return
        message = decode_message(datagram)
        if message.message_type == MessageType.SUCCESS:
            self._handle_answer(message, address, now_us)
        elif AttributeType.ICE_CONTROLLED in message.attributes and message.has_integrity(THEIRS.pwd.encode()):
            key = THEIRS.pwd.encode()
            answer = encode_message(MessageType.SUCCESS, message.transaction_id, [], key)
            self._queue.append((answer, address))

    def _handle_answer(self, message: StunMessage, address: bytes, now_us: int) -> None:
        """Take what an answer proves for proved: as if the lite side had made a check."""
        assert message.has_integrity(self._ours.pwd.encode())
        self._is_answered = True
        self.peer.handle_datagram(check(to=THEIRS, by=OURS), address, now_us)
        self._queue += [(one, to) for one, to in sent(self.peer) if not is_stun(one)]

    def handle_timer(self, now_us: int) -> None:
        super().handle_timer(now_us)
        if now_us >= self._check_us:
            self._queue.append((check(self._random.randbytes(12), to=self._ours), self._remote))
            self._check_us = now_us + (SLOW_CHECK_US if self._is_answered else QUICK_CHECK_US)

    def poll_timer(self) -> int | None:
        peer_us = super().poll_timer()
        return None if peer_us is None or self.is_silent else min(peer_us, self._check_us)

    def poll_datagrams(self) -> list[tuple[bytes, bytes]]:
        datagrams = super().poll_datagrams()
        return [] if self.is_silent else datagrams

    def move(self) -> None:
        """Begin anew with quick checks, as after a change of network."""
        self._is_answered = False
        self._check_us = 0


def ports(
    here: bytes, start_us: int, *, is_dtls_client: bool = False, seed: int = 1
) -> tuple[RtcPort, BrowserPort]:
    """Return the broker's side, which is found at ``here``, and a browser's."""
    lite = RtcPort(our_peer(is_dtls_client=is_dtls_client, now_us=start_us))
    browser = BrowserPort(
        their_peer(is_dtls_client=not is_dtls_client, now_us=start_us), here, Random(seed), start_us
    )
    return lite, browser
