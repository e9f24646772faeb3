"""From a producer over SRT to browsers, over networks that lose packets, in virtual time."""

from itertools import pairwise
from random import Random

import pytest
from tests.simnet.link import SimLink
from tests.simnet.srt_ports import CallerPort
from tests.support.broker_world import MS, SECOND, World
from tests.support.encoded_streams import FRAMES_PER_SECOND, encoded_stream, payloads_of
from tests.support.long_runs import seeds
from tests.support.rtc_stage import CHANNEL, Browser, Stage

from headrace.codecs.h264 import NEEDLESS_TYPES, nal_type
from headrace.remux.access_unit import AccessUnit, Codec
from headrace.remux.rtp_clock import SessionClock
from headrace.remux.rtp_to_units import RtpToUnits, from_rtx
from headrace.remux.ts_to_units import TsToUnits
from headrace.webrtc.rtcp import Nack, PictureLossIndication, RtcpPacket, encode_compound
from headrace.webrtc.rtp import timestamp_distance

SEEDS = seeds(1, of=4)
TURN_US = 5 * MS
PICTURES = 75


class Player:
    """A browser that puts together what comes, and asks for what does not."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.pictures: list[AccessUnit] = []
        self._to_units = RtpToUnits(Codec.H264, SessionClock())
        self._taken = 0

    def turn(self, now_us: int) -> None:
        viewer = self.browser.viewer
        stream = viewer.places[0].stream
        for packet in self.browser.received[self._taken :]:
            if packet.ssrc == stream.rtx_ssrc:
                packet = from_rtx(packet, ssrc=stream.ssrc, payload_type=self.browser.h264)  # noqa: PLW2901
            if packet.ssrc == stream.ssrc:
                self.pictures += self._to_units.feed(packet, now_us)
        self._taken = len(self.browser.received)
        self.pictures += self._to_units.handle_timer(now_us)
        wishes: list[RtcpPacket] = []
        missing = self._to_units.poll_nacks(now_us)
        if missing:
            wishes.append(Nack(1, stream.ssrc, tuple(missing)))
        if self._to_units.clock and not self.pictures and self._to_units.poll_keyframe_wish(now_us):
            wishes.append(PictureLossIndication(1, stream.ssrc))
        if wishes:
            self.browser.send_rtcp(encode_compound(wishes))


class GreedyPlayer(Player):
    """A browser that asks for the newest packets, five times over, whenever it can."""

    def turn(self, now_us: int) -> None:
        place = self.browser.viewer.places[0]
        if place.next_index is not None:
            end = place.index_of(place.next_index)
            named = tuple(index & 0xFFFF for index in range(end - 200, end))
            self.browser.send_rtcp(encode_compound([Nack(1, place.stream.ssrc, named)] * 5))


class Scene:
    """A broker with both machines on one clock, and a player."""

    def __init__(self, seed: int, *, link: SimLink | None = None) -> None:
        self.world = World(seed, link=link)
        self.stage = Stage(seed)
        self.stage.now_us = self.world.now_us
        self.world.endpoint.open_tap(
            CHANNEL,
            lambda payloads, is_gap: self.stage.endpoint.take(CHANNEL, payloads, self.world.now_us, is_gap=is_gap),
            self.world.now_us,
        )
        self.players: list[Player] = []

    def join(self, kind: type[Player] = Player) -> Player:
        self.players.append(kind(self.stage.joined(has_audio=False)))
        return self.players[-1]

    def run(self, duration_us: int) -> None:
        end_us = self.world.now_us + duration_us
        while self.world.now_us < end_us:
            self.world.run(TURN_US)
            self.stage.play()
            self.stage.run(self.world.now_us - self.stage.now_us)
            for player in self.players:
                player.turn(self.world.now_us)

    def send(self, producer: CallerPort, ts: bytes, pictures: int = PICTURES) -> None:
        """Send the first pictures of a stream in real time."""
        payloads = payloads_of(ts)
        each = -(-len(payloads) // PICTURES)
        for number in range(pictures):
            for payload in payloads[number * each : (number + 1) * each]:
                producer.send(payload, self.world.now_us)
            self.run(SECOND // FRAMES_PER_SECOND)


def pictures_of(ts: bytes) -> list[list[bytes]]:
    to_units = TsToUnits()
    units = [unit for payload in payloads_of(ts) for unit in to_units.feed(payload) if unit.is_video]
    # Delimiters are not sent by RTP.
    return [[nal for nal in unit.data if nal_type(nal) not in NEEDLESS_TYPES] for unit in units]


@pytest.fixture(scope="module")
def stream() -> bytes:
    return encoded_stream(PICTURES, audio=None)


def assert_every_picture_comes_through_loss(
    scene: Scene, producer: CallerPort, player: Player, stream: bytes, seed: int
) -> None:
    chance = Random(seed)
    # Whoever loses the very first packet does not know of it, and wishes for a keyframe: see below.
    scene.stage.drops = lambda datagram: datagram[0] >= 128 and bool(player.pictures) and chance.random() < 0.15
    scene.send(producer, stream)
    scene.stage.drops = lambda _: False
    scene.run(SECOND)
    expected = pictures_of(stream)
    shown = [unit.data for unit in player.pictures]
    # Those since the keyframe with which it began; the last of all is there when the next one begins.
    assert shown == expected[-len(shown) :]
    assert len(shown) >= len(expected) - 1


@pytest.mark.parametrize("seed", SEEDS)
def test_a_browser_that_loses_packets_shows_every_picture(seed: int, stream: bytes) -> None:
    scene = Scene(seed)
    producer = scene.world.join("publish:A")
    player = scene.join()
    assert_every_picture_comes_through_loss(scene, producer, player, stream, seed)
    assert player.browser.viewer.naks_packets > 0


@pytest.mark.parametrize("seed", SEEDS)
def test_one_that_asks_for_everything_all_the_time_takes_nothing_from_who_loses_packets(
    seed: int, stream: bytes
) -> None:
    scene = Scene(seed)
    producer = scene.world.join("publish:A")
    player, greedy = scene.join(), scene.join(GreedyPlayer)
    assert_every_picture_comes_through_loss(scene, producer, player, stream, seed)
    honest, taker = (one.browser.viewer for one in (player, greedy))
    assert honest.naks_packets > 0
    assert "resends_beyond_budget" not in honest.peer.ignored_packets
    assert 0 < taker.places[0].resent_packets <= taker.places[0].sent_packets + 100
    assert taker.peer.ignored_packets["too_many_reports"] > 0


def test_a_browser_that_loses_the_first_packet_begins_again_without_waiting_for_a_keyframe(stream: bytes) -> None:
    scene = Scene(1)
    producer = scene.world.join("publish:A")
    player = scene.join()
    lost: list[bytes] = []

    def loses(datagram: bytes) -> bool:
        is_first = datagram[0] >= 128 and not lost
        lost.extend([datagram] * is_first)
        return is_first

    scene.stage.drops = loses
    scene.send(producer, stream, 24)
    assert lost
    assert player.browser.viewer.keyframe_requests > 0
    assert player.pictures[0].is_keyframe
    assert len(player.pictures) > 10


@pytest.mark.parametrize("seed", SEEDS)
def test_what_the_producer_s_way_loses_and_srt_recovers_no_browser_notices(seed: int, stream: bytes) -> None:
    rough = SimLink(latency_us=15 * MS, jitter_us=4 * MS, loss=0.05, reordering=0.05, reorder_us=6 * MS)
    scene = Scene(seed, link=rough)
    producer = scene.world.join("publish:A", peer_latency_ms=400)
    player = scene.join()
    scene.send(producer, stream)
    scene.run(SECOND)
    shown = [unit.data for unit in player.pictures]
    assert shown == pictures_of(stream)[-len(shown) :]
    assert len(shown) >= 73
    assert player.browser.viewer.naks_packets == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_when_the_producer_changes_numbers_source_and_times_go_on(seed: int, stream: bytes) -> None:
    scene = Scene(seed)
    first = scene.world.join("publish:A")
    player = scene.join()
    scene.send(first, stream)
    first.connection.close(scene.world.now_us)
    scene.run(2 * SECOND)
    before = len(player.browser.received)
    second = scene.world.join("publish:A")
    scene.send(second, stream)
    scene.run(SECOND)
    packets = player.browser.received
    assert len(packets) >= before + 74
    assert {packet.ssrc for packet in packets} == {scene.stage.room.channel.video.ssrc}
    numbers = [packet.seqno for packet in packets]
    assert numbers == [(numbers[0] + step) & 0xFFFF for step in range(len(numbers))]
    steps = [timestamp_distance(one.timestamp, other.timestamp) for one, other in pairwise(packets)]
    assert min(steps) >= 0
    # The pause of three seconds, or what the splice makes of it, and not another clock.
    assert max(steps) < 5 * 90_000
    assert len(player.pictures) >= 145


def test_a_viewer_that_joins_in_mid_stream_begins_with_the_newest_keyframe_at_once(stream: bytes) -> None:
    scene = Scene(1)
    producer = scene.world.join("publish:A")
    scene.send(producer, stream, 50)
    player = scene.join()
    scene.run(60 * MS)
    assert len(player.pictures) > 15
    assert player.pictures[0].is_keyframe
