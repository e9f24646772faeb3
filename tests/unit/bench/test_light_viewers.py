"""Light viewers on a real socket, in front of the library's own peer connections."""

import socket
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing
from random import Random

import pytest
from tests.support.rtc_peers import OUR_IDENTITY

from headrace.base.sockaddr import decode_sockaddr, encode_sockaddr
from headrace.bench.light_viewers import AT_ONCE, LightViewers
from headrace.bench.loopback_port import LoadError, LoopbackPort
from headrace.bench.rtp_receivers import READ_BYTES, SAMPLE_PACKETS
from headrace.netio.clock import now_us
from headrace.webrtc.ice import make_credentials
from headrace.webrtc.peer import Peer
from headrace.webrtc.sdp.answer import SentStream, encode_answer
from headrace.webrtc.sdp.choice import answer_viewer
from headrace.webrtc.sdp.offer import decode_offer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the load needs Linux")

SSRC = 78
COUNT = AT_ONCE + 2


class Broker:
    """A socket with a peer for each host that has posted an offer."""

    def __init__(self) -> None:
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.udp.setblocking(False)
        self.peers: dict[str, Peer] = {}
        self._random = Random(1)
        self.expected_fingerprint: str | None = None

    def post(self, offer_sdp: str, host: str) -> "Future[str]":
        offer, local = decode_offer(offer_sdp), make_credentials(self._random.randbytes)
        answer = answer_viewer(offer, video="h264", video_stream=SentStream(SSRC, "name"))
        self.peers[host] = Peer(
            local=local,
            remote=offer.ice,
            identity=OUR_IDENTITY,
            remote_fingerprint=self.expected_fingerprint or offer.fingerprint,
            is_dtls_client=answer.is_dtls_client,
            random_bytes=self._random.randbytes,
            now_us=now_us(),
        )
        answered: Future[str] = Future()
        fingerprint = OUR_IDENTITY.fingerprint
        answered.set_result(
            encode_answer(answer, candidates=[], fingerprint=fingerprint, ice=local, session_number=1)
        )
        return answered

    def turn(self) -> None:
        while True:
            try:
                datagram, (host, port) = self.udp.recvfrom(2000)
            except BlockingIOError:
                break
            self.peers[host].handle_datagram(datagram, encode_sockaddr(host, port), now_us())
        for peer in self.peers.values():
            while (sent := peer.poll_datagram()) is not None:
                self.udp.sendto(sent[0], decode_sockaddr(sent[1])[:2])

    def send(self, host: str, index: int, ssrc: int = SSRC) -> None:
        peer, room = self.peers[host], memoryview(bytearray(200))
        assert peer.sealer is not None
        assert peer.address is not None
        clear = b"\x80\x66" + (index & 0xFFFF).to_bytes(2, "big") + bytes(4) + ssrc.to_bytes(4, "big") + bytes(50)
        self.udp.sendto(room[: peer.sealer.seal_into(clear, index, room)], decode_sockaddr(peer.address)[:2])


@pytest.fixture
def broker() -> Iterator[Broker]:
    made = Broker()
    with made.udp:
        yield made


def run_until(broker: Broker, viewers: LightViewers, is_there: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + 30
    while not is_there():
        viewers.turn()
        broker.turn()
        assert time.monotonic() < give_up_at


def open_port(broker: Broker) -> LoopbackPort:
    return LoopbackPort(broker.udp.getsockname()[1], COUNT, tells_numbers=True, read_bytes=READ_BYTES)


def test_all_join_when_they_may_get_their_packets_and_know_when_they_are_sent_away(broker: Broker) -> None:
    with closing(open_port(broker)) as port:
        viewers = LightViewers(port, COUNT, broker.post)
        viewers.turn()
        assert not broker.peers
        viewers.let_join(1)
        run_until(broker, viewers, lambda: viewers.has_joined)
        assert len(broker.peers) == 1
        viewers.let_join(COUNT)
        viewers.turn()
        assert len(broker.peers) == 1 + AT_ONCE
        run_until(broker, viewers, lambda: viewers.has_joined)
        assert not viewers.has_started
        for host in broker.peers:
            for index in range(SAMPLE_PACKETS):
                broker.send(host, index)
        received = viewers.received
        run_until(broker, viewers, lambda: int(received.arrivals.received_packets.sum()) == COUNT * SAMPLE_PACKETS)
        assert viewers.has_started
        assert received.opened_packets == COUNT
        # Who has been there for long has been asked again, and has reported again.
        assert viewers.answered_checks >= COUNT
        assert viewers.shutdowns == 0
        run_until(broker, viewers, lambda: viewers.sent_reports >= COUNT)
        next(iter(broker.peers.values())).close(now_us())
        run_until(broker, viewers, lambda: viewers.shutdowns == 1)
        viewers.close()
        left = [peer for peer in broker.peers.values() if peer.close_reason != "closed"]
        run_until(broker, viewers, lambda: {peer.close_reason for peer in left} == {"dtls_closed"})
        assert not any(peer.ignored_packets for peer in left)


def test_a_handshake_that_is_refused_ends_the_load(broker: Broker) -> None:
    broker.expected_fingerprint = OUR_IDENTITY.fingerprint
    with closing(open_port(broker)) as port:
        viewers = LightViewers(port, COUNT, broker.post)
        viewers.let_join(1)
        with pytest.raises(LoadError, match="handshake failed"):
            run_until(broker, viewers, lambda: viewers.has_joined)
