"""A producer by WebRTC that sends its picture in several layers, and its way through the broker into a channel."""

from collections import deque
from collections.abc import Callable
from random import Random

from tests.support.rtc_peers import OUR_IDENTITY, THEIR_IDENTITY, check
from tests.support.rtc_stage import BROKER, CHANNEL, FRAME_US, H264, RTX, Stage, picture

from headrace.base.sockaddr import encode_sockaddr
from headrace.endpoints.rtc_inbound import InboundNumbers
from headrace.endpoints.rtc_producing import RtcProducing
from headrace.endpoints.rtc_rids import LayerNumbers
from headrace.remux.access_unit import Codec
from headrace.remux.rtp_packetizer import RtpPacketizer
from headrace.webrtc.ice import make_credentials
from headrace.webrtc.peer import Peer, RtcpReceived
from headrace.webrtc.rtcp import PictureLossIndication, decode_compound
from headrace.webrtc.rtp import RtpPacket, decode_rtp, encode_rtp

RID_EXTENSION = 10
WAY_US = 30_000
"""From the producer's session through SRT, the broker and its tap."""
LAYERS = {"h": 6_000, "m": 2_500, "l": 800}
"""Bytes of each picture, by the layer's name."""


class LayeredProducer:
    """Films into the stage's channel.

    Attributes:
        session: Under test.
        stopped: Names of layers that the browser does not send now.
        on_air: Whether what it sends comes into the channel.
        wishes: Layers of which a keyframe was asked for.
        sink: Gets what comes into the channel.
        peer, address: Its end of the connection.
    """

    def __init__(self, stage: Stage, session_id: str = "camera", *, layers: dict[str, int] = LAYERS) -> None:
        self._stage = stage
        self._sizes = layers
        random = Random(session_id)
        self.address = encode_sockaddr(f"10.3.0.{random.randrange(1, 255)}", 6_000)
        ours, theirs = make_credentials(random.randbytes), make_credentials(random.randbytes)
        peer, self.peer = (
            Peer(
                local=local,
                remote=remote,
                identity=identity,
                remote_fingerprint=remote_identity.fingerprint,
                is_dtls_client=is_dtls_client,
                random_bytes=random.randbytes,
                now_us=stage.now_us,
            )
            for local, remote, identity, remote_identity, is_dtls_client in (
                (ours, theirs, OUR_IDENTITY, THEIR_IDENTITY, False),
                (theirs, ours, THEIR_IDENTITY, OUR_IDENTITY, True),
            )
        )
        self._way: deque[tuple[int, list[bytes]]] = deque()
        self.session = RtcProducing(
            session_id,
            CHANNEL,
            peer,
            ours,
            streams=[InboundNumbers(Codec.H264, H264, RTX)],
            sink=lambda payloads: self._way.append((stage.now_us + WAY_US, list(payloads))),
            random_bytes=random.randbytes,
            most_bits_per_second=5_000_000,
            opened_us=stage.now_us,
            layers=LayerNumbers(tuple(layers), RID_EXTENSION),
        )
        stage.endpoint.add(self.session, stage.now_us)
        stage.admit(self)
        stage.hand_over([(check(to=ours, by=theirs), self.address)])
        self.peer.handle_datagram(check(to=theirs, by=ours), BROKER, stage.now_us)
        stage.play()
        assert self.session.is_connected
        self._packetizers = {
            rid: RtpPacketizer(
                Codec.H264,
                ssrc=random.getrandbits(32),
                payload_type=H264,
                first_index=random.getrandbits(15),
                # So that the numbers of a keyframe are not the same in all layers.
                timestamp_offset=random.getrandbits(32),
            )
            for rid in layers
        }
        self._number = 0
        self.stopped: set[str] = set()
        self.on_air = True
        self.sink: Callable[[list[bytes]], None] = self._take
        self.wishes: set[str] = set(layers)

    @property
    def main(self) -> str | None:
        """The layer that goes into the channel."""
        assert self.session.layers is not None
        return self.session.layers.choice.main

    def film(self, pictures: int) -> None:
        """Send pictures in real time, 25 a second, in each layer that is not stopped, the smallest first."""
        for _ in range(pictures):
            for rid in reversed(self._sizes):
                if rid not in self.stopped:
                    self._send(rid)
            self._number += 1
            for _ in range(8):
                self._stage.run(FRAME_US // 8)
                self._arrive()

    def _send(self, rid: str) -> None:
        is_keyframe = rid in self.wishes
        self.wishes.discard(rid)
        unit = picture(self._number, self._sizes[rid], is_keyframe=is_keyframe)
        first_index = self._packetizers[rid].next_index
        for index, packet in enumerate(self._packetizers[rid].packetize(unit), first_index):
            self.send(decode_rtp(packet), rid, index)

    def send(self, packet: RtpPacket, rid: str | None, index: int) -> None:
        """Send one packet of an index that names a layer, or none."""
        packet.extensions = None if rid is None else {RID_EXTENSION: rid.encode()}
        assert self.peer.sealer is not None
        room = memoryview(bytearray(1_500))
        length = self.peer.sealer.seal_into(encode_rtp(packet), index, room)
        self._stage.hand_over([(bytes(room[:length]), self.address)])
        self._stage.play()

    def handle(self, datagram: bytes, now_us: int) -> None:
        """Take what the broker sent."""
        if datagram[0] < 20:
            return
        self.peer.handle_datagram(datagram, BROKER, now_us)
        while (event := self.peer.poll_event()) is not None:
            if isinstance(event, RtcpReceived):
                self._take_wishes(event.packet)

    def _arrive(self) -> None:
        while self._way and self._way[0][0] <= self._stage.now_us:
            _, payloads = self._way.popleft()
            if self.on_air:
                self.sink(payloads)

    def _take(self, payloads: list[bytes]) -> None:
        self._stage.endpoint.take(CHANNEL, payloads, self._stage.now_us)
        self._stage.play()

    def _take_wishes(self, report: bytes) -> None:
        rids = {packetizer.ssrc: rid for rid, packetizer in self._packetizers.items()}
        for one in decode_compound(report):
            if isinstance(one, PictureLossIndication):
                self.wishes.add(rids[one.media_ssrc])

    def end(self) -> None:
        """Go away."""
        self._stage.endpoint.end(self.session.session_id, "deleted", self._stage.now_us)
