"""A WebRTC endpoint and browsers in front of it, without a socket or a clock."""

from collections.abc import Callable
from random import Random
from typing import Protocol

from tests.support.outbox import CollectingOutbox
from tests.support.rtc_peers import OUR_IDENTITY, THEIR_IDENTITY, check

from headrace.base.datagram_batch import DatagramBatch
from headrace.base.sockaddr import encode_sockaddr
from headrace.endpoints.rtc_endpoint import RtcEndpoint
from headrace.endpoints.rtc_viewer import Numbers, Place, RtcViewer
from headrace.endpoints.rtc_watching import RtcWatching
from headrace.remux.access_unit import AccessUnit, Codec
from headrace.webrtc.ice import make_credentials
from headrace.webrtc.peer import Closed, Connected, Peer, RtcpReceived, RtpReceived
from headrace.webrtc.rtp import RtpPacket, decode_rtp

CHANNEL = "A"
BROKER = encode_sockaddr("10.0.0.1", 8889)
START_UNIX_US = 1_800_000_000_000_000
FRAME_US = 40_000
FRAME_90KHZ = 3_600
H264, OPUS = 96, 111
RTX = 97


def picture(number: int, size_bytes: int = 3_000, *, is_keyframe: bool = False) -> AccessUnit:
    """Return a picture that cannot be decoded, 25 a second."""
    # Without zeros nothing in it looks like the beginning of the next unit.
    nal = bytes([0x65 if is_keyframe else 0x41]) + Random(number).randbytes(size_bytes).replace(b"\0", b"\1")
    pts_90khz = 90_000 + number * FRAME_90KHZ
    return AccessUnit(Codec.H264, pts_90khz, pts_90khz, [nal], is_keyframe)


def sound(number: int) -> AccessUnit:
    """Return 20 ms of sound, 50 a second."""
    pts_90khz = 90_000 + number * FRAME_90KHZ // 2
    return AccessUnit(Codec.OPUS, pts_90khz, pts_90khz, [b"\x78" + Random(number).randbytes(80)])


class Caller(Protocol):
    """Who has called the endpoint, with its own end of the connection."""

    address: bytes
    peer: Peer

    def handle(self, datagram: bytes, now_us: int) -> None:
        """Take what the broker sent."""


class Browser:
    """A browser that watches, with our own code at its end.

    Attributes:
        received: Media packets, in the order in which they came.
        reports: Control packets.
        ends: Why it knows that it is over.
    """

    def __init__(self, stage: "Stage", number: int, numbers: Numbers, *, has_audio: bool) -> None:
        self._stage = stage
        random = Random(number)
        self.address = encode_sockaddr(f"10.1.{number >> 8}.{number & 255}", 5_000)
        self._ours, self._theirs = make_credentials(random.randbytes), make_credentials(random.randbytes)
        peer = Peer(
            local=self._ours,
            remote=self._theirs,
            identity=OUR_IDENTITY,
            remote_fingerprint=THEIR_IDENTITY.fingerprint,
            is_dtls_client=False,
            random_bytes=random.randbytes,
            now_us=stage.now_us,
        )
        self.peer = Peer(
            local=self._theirs,
            remote=self._ours,
            identity=THEIR_IDENTITY,
            remote_fingerprint=OUR_IDENTITY.fingerprint,
            is_dtls_client=True,
            random_bytes=random.randbytes,
            now_us=stage.now_us,
        )
        room = stage.endpoint.open_room(CHANNEL)
        audio = Place(room.channel.audio, Numbers(OPUS)) if has_audio else None
        self.session_id = f"session-{number}"
        self.viewer = RtcViewer(self.session_id, peer, Place(room.channel.video, numbers), audio, stage.now_us)
        self.session = RtcWatching(self.viewer, room, self._ours, lambda: START_UNIX_US)
        stage.endpoint.add(self.session, stage.now_us)
        self.h264 = numbers.payload_type
        self.received: list[RtpPacket] = []
        self.reports: list[bytes] = []
        self.ends: list[str] = []

    def connect(self) -> None:
        """Have each side make an ICE check, and shake hands."""
        self._stage.hand_over([(check(to=self._ours, by=self._theirs), self.address)])
        self.peer.handle_datagram(check(to=self._theirs, by=self._ours), BROKER, self._stage.now_us)
        self._stage.play()
        assert self.viewer.connected_us is not None

    def send_rtcp(self, packet: bytes) -> None:
        """Send the broker a control packet."""
        assert self.peer.sealer is not None
        self._stage.hand_over([(self.peer.sealer.seal_rtcp(packet), self.address)])
        self._stage.play()

    def handle(self, datagram: bytes, now_us: int) -> None:
        """Take what the broker sent."""
        if datagram[0] < 20:
            return  # the answer to a check, of which this side knows nothing
        self.peer.handle_datagram(datagram, BROKER, now_us)
        assert not self.peer.ignored_packets, self.peer.ignored_packets
        while (event := self.peer.poll_event()) is not None:
            if isinstance(event, RtpReceived):
                self.received.append(decode_rtp(event.packet))
            elif isinstance(event, RtcpReceived):
                self.reports.append(event.packet)
            elif isinstance(event, Closed):
                self.ends.append(event.reason)
            else:
                assert isinstance(event, Connected)

    def pictures(self) -> list[RtpPacket]:
        """Return the packets of the pictures."""
        return [packet for packet in self.received if packet.payload_type == self.h264]


class Stage:
    """The endpoint with one channel.

    Attributes:
        endpoint: Under test.
        outbox: Where it sends.
        now_us: The time.
        ended: What the endpoint has told of sessions that are over.
        drops: Says of each datagram to a browser whether it gets lost.
    """

    def __init__(self, seed: int = 1) -> None:
        self.outbox = CollectingOutbox()
        self.endpoint = RtcEndpoint(self.outbox, Random(seed).randbytes)
        self.ended: list[tuple[str, str]] = []
        self.endpoint.on_ended = lambda session_id, reason: self.ended.append((session_id, reason))
        self.now_us = 1_000_000
        self.room = self.endpoint.open_room(CHANNEL)
        self.drops: Callable[[bytes], bool] = lambda _: False
        self._browsers: dict[bytes, Caller] = {}
        self._number = 0

    def browser(self, *, rtx: int | None = RTX, h264: int = H264, has_audio: bool = True) -> Browser:
        """Return a new one, that has not called yet."""
        made = Browser(self, len(self._browsers) + 1, Numbers(h264, rtx), has_audio=has_audio)
        self.admit(made)
        return made

    def joined(self, **how: int | bool | None) -> Browser:
        """Return one that is connected."""
        made = self.browser(**how)  # type: ignore[arg-type]
        made.connect()
        return made

    def admit(self, caller: Caller) -> None:
        """Carry datagrams to and from somebody."""
        self._browsers[caller.address] = caller

    def hand_over(self, datagrams: list[tuple[bytes, bytes]]) -> None:
        """Give the endpoint datagrams."""
        batch = DatagramBatch(max(1, len(datagrams)))
        for datagram, address in datagrams:
            batch.append(datagram, address)
        self.endpoint.handle_batch(batch, self.now_us)

    def play(self) -> None:
        """Carry datagrams until nobody has anything to say."""
        while sent := self.outbox.take():
            for datagram, address in sent:
                browser = self._browsers.get(address)
                if browser is not None and not self.drops(datagram):
                    browser.handle(datagram, self.now_us)
            answers = [
                (answer[0], browser.address)
                for browser in self._browsers.values()
                for answer in iter(browser.peer.poll_datagram, None)
                if answer[0][0] >= 20
            ]
            if answers:
                self.hand_over(answers)

    def run(self, duration_us: int) -> None:
        """Let time pass."""
        end_us = self.now_us + duration_us
        while (due_us := self.endpoint.poll_timer()) is not None and due_us <= end_us:
            self.now_us = max(self.now_us, due_us)
            self.endpoint.handle_timer(self.now_us)
            self.play()
        self.now_us = end_us

    def show(self, *units: AccessUnit) -> None:
        """Have the channel have units."""
        for unit in units:
            self.room.channel.line.note_arrival(unit.pts_90khz, self.now_us)
        self.room.channel.take_units(list(units), self.now_us)
        self.room.forward(self.now_us)
        self.play()

    def stream(self, pictures: int, *, keyframe_each: int = 25) -> list[AccessUnit]:
        """Show pictures in real time with their sound, and return them."""
        shown = []
        for _ in range(pictures):
            number = self._number
            self._number += 1
            shown.append(picture(number, is_keyframe=number % keyframe_each == 0))
            self.show(shown[-1], sound(2 * number), sound(2 * number + 1))
            self.run(FRAME_US)
        return shown
