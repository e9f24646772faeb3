"""The session of who produces by WebRTC: media in, a transport stream out."""

from random import Random

from tests.support.rtc_peers import OUR_IDENTITY, OURS, THEIR_IDENTITY, THEIRS, check
from tests.support.rtc_stage import BROKER, FRAME_US, H264, OPUS, RTX, Stage, picture, sound

from headrace.base.sockaddr import encode_sockaddr
from headrace.endpoints.rtc_inbound import InboundNumbers
from headrace.endpoints.rtc_producing import RtcProducing
from headrace.remux.access_unit import AccessUnit, Codec
from headrace.remux.rtp_packetizer import RtpPacketizer
from headrace.remux.ts_to_units import TsToUnits
from headrace.webrtc.peer import Peer, RtcpReceived
from headrace.webrtc.rtcp import (
    Nack,
    PictureLossIndication,
    ReceiverEstimate,
    ReceiverReport,
    RtcpPacket,
    SenderReport,
    decode_compound,
    encode_compound,
    middle_of,
    ntp_time,
)

THERE = encode_sockaddr("10.2.0.1", 6_000)
MOST = 5_000_000


class Converter:
    def __init__(self) -> None:
        self.units: list[AccessUnit] = []
        self.is_closed = False

    def feed(self, unit: AccessUnit) -> None:
        self.units.append(unit)

    def close(self) -> None:
        self.is_closed = True


class Camera:
    """A browser that produces, and the endpoint that takes it."""

    def __init__(self, converter: Converter | None = None) -> None:
        self.stage = Stage()
        self.payloads: list[bytes] = []
        peer = self._peer(is_ours=True)
        self.session = RtcProducing(
            "producer",
            "A",
            peer,
            OURS,
            streams=[InboundNumbers(Codec.H264, H264, RTX), InboundNumbers(Codec.OPUS, OPUS)],
            sink=self.payloads.extend,
            random_bytes=Random(5).randbytes,
            most_bits_per_second=MOST,
            opened_us=self.stage.now_us,
            converter=converter,
        )
        self.peer = self._peer(is_ours=False)
        self.video = RtpPacketizer(Codec.H264, ssrc=11, payload_type=H264, first_index=0x7FF0)
        self.audio = RtpPacketizer(Codec.OPUS, ssrc=12, payload_type=OPUS, first_index=0x100)
        self.stage.endpoint.add(self.session, self.stage.now_us)
        self.hand_over(check())
        self.peer.handle_datagram(check(to=THEIRS, by=OURS), BROKER, self.stage.now_us)
        self.heard: list[RtcpPacket] = []
        self.play()
        assert self.session.is_connected

    def _peer(self, *, is_ours: bool) -> Peer:
        return Peer(
            local=OURS if is_ours else THEIRS,
            remote=THEIRS if is_ours else OURS,
            identity=OUR_IDENTITY if is_ours else THEIR_IDENTITY,
            remote_fingerprint=(THEIR_IDENTITY if is_ours else OUR_IDENTITY).fingerprint,
            is_dtls_client=not is_ours,
            random_bytes=Random(4).randbytes,
            now_us=self.stage.now_us,
        )

    def hand_over(self, *datagrams: bytes) -> None:
        self.stage.hand_over([(datagram, THERE) for datagram in datagrams])

    def play(self) -> None:
        for _ in range(10):
            for datagram, _ in self.stage.outbox.take():
                if datagram[0] >= 20:
                    self.peer.handle_datagram(datagram, BROKER, self.stage.now_us)
            self.hand_over(*(one for one, _ in iter(self.peer.poll_datagram, None) if one[0] >= 20))
        while (event := self.peer.poll_event()) is not None:
            if isinstance(event, RtcpReceived):
                self.heard += decode_compound(event.packet)

    def send(self, unit: AccessUnit, *, lost: frozenset[int] = frozenset()) -> None:
        packetizer = self.video if unit.is_video else self.audio
        first = packetizer.next_index
        sealer = self.peer.sealer
        assert sealer is not None
        for at, packet in enumerate(packetizer.packetize(unit)):
            room = memoryview(bytearray(len(packet) + 16))
            length = sealer.seal_into(packet, first + at, room)
            if at not in lost:
                self.hand_over(bytes(room[:length]))
        self.play()

    def run(self, duration_us: int) -> None:
        self.stage.now_us += duration_us
        self.stage.endpoint.handle_timer(self.stage.now_us)
        self.play()

    def film(self, pictures: int) -> None:
        for number in range(pictures):
            self.send(picture(number, is_keyframe=number % 25 == 0))
            self.send(sound(2 * number))
            self.send(sound(2 * number + 1))
            self.run(FRAME_US)

    def units(self) -> list[AccessUnit]:
        to_units = TsToUnits()
        return [unit for payload in self.payloads for unit in to_units.feed(payload)]


def test_pictures_and_sound_become_a_transport_stream_on_one_clock() -> None:
    camera = Camera()
    camera.film(50)
    units = camera.units()
    pictures = [unit for unit in units if unit.is_video]
    sounds = [unit for unit in units if unit.codec is Codec.OPUS]
    assert len(pictures) == 50
    expected = [picture(number, is_keyframe=number % 25 == 0).data[0] for number in range(50)]
    assert [unit.data[-1] for unit in pictures] == expected
    assert len(sounds) == 100
    steps = {pictures[at + 1].pts_90khz - pictures[at].pts_90khz for at in range(49)}
    assert steps == {3_600}
    assert abs(sounds[-2].pts_90khz - pictures[-1].pts_90khz) < 3_600
    assert camera.session.heard_us > 0


def test_what_is_lost_is_asked_for_again_and_a_picture_is_waited_for() -> None:
    camera = Camera()
    camera.send(picture(0, is_keyframe=True))
    camera.send(picture(1), lost=frozenset({1}))
    camera.run(20_000)
    camera.send(picture(2))
    assert Nack(camera.session._own_ssrc, 11, (0x7FF0 + 3 + 1,)) in camera.heard
    camera.run(400_000)
    assert any(isinstance(one, PictureLossIndication) for one in camera.heard)


def test_reports_tell_how_much_came_and_how_much_may_be_sent() -> None:
    camera = Camera()
    ntp = ntp_time(1_800_000_000_000_000)
    camera.film(2)
    sealer = camera.peer.sealer
    assert sealer is not None
    report = SenderReport(11, ntp, camera.video.timestamp_at(0), 10, 10)
    camera.hand_over(sealer.seal_rtcp(encode_compound([report])))
    camera.film(30)
    told = [one for one in camera.heard if isinstance(one, ReceiverReport) and one.reports]
    assert {block.ssrc for block in told[-1].reports} == {11, 12}
    assert told[-1].reports[0].last_report == middle_of(ntp)
    estimates = [one for one in camera.heard if isinstance(one, ReceiverEstimate)]
    assert estimates[-1].ssrcs == (11, 12)
    assert abs(estimates[-1].bitrate_bps - MOST) < MOST / 100


def test_what_is_not_agreed_on_is_counted() -> None:
    camera = Camera()
    sealer = camera.peer.sealer
    assert sealer is not None
    packet = RtpPacketizer(Codec.OPUS, ssrc=13, payload_type=8).packetize(sound(0))[0]
    room = memoryview(bytearray(len(packet) + 16))
    camera.hand_over(bytes(room[: sealer.seal_into(packet, 0, room)]))
    camera.hand_over(sealer.seal_rtcp(b"\x81\xc8\x00\x01" + bytes(4)))
    assert camera.session.peer.ignored_packets == {"rtp_payload_type": 1, "rtcp_body": 1}


def test_opus_is_passed_on_and_converted_where_something_does_that() -> None:
    converter = Converter()
    camera = Camera(converter)
    camera.film(3)
    assert len(converter.units) == 6
    frame = AccessUnit(Codec.AAC, 90_000, 90_000, [bytes.fromhex("fff150800780fc") + bytes(53)])
    before = len(camera.payloads)
    camera.session.take_converted([frame])
    assert len(camera.payloads) > before
    camera.stage.endpoint.end("producer", "deleted", camera.stage.now_us)
    assert converter.is_closed
