"""A producer in three layers, and viewers with links of several widths, in virtual time."""

from itertools import pairwise

import pytest
from tests.support.layered_producer import LAYERS, LayeredProducer
from tests.support.rtc_stage import FRAME_US, H264, RTX, Browser, Stage

from headrace.endpoints.rtc_inbound import InboundNumbers, InboundStream
from headrace.remux.access_unit import Codec
from headrace.remux.rtp_clock import SessionClock
from headrace.webrtc.rtcp import PictureLossIndication, ReceiverReport, RtcpPacket, encode_compound

SECOND_US = 1_000_000
PATIENCE_US = 200_000
QUEUE_BYTES = 40_000
"""What a router holds."""
NAMES = {size + 1: rid for rid, size in LAYERS.items()}
RATES_BPS = {rid: size * 8 * 25 for rid, size in LAYERS.items()}
OWN_SSRC = 5


class NarrowLink:
    """A link that carries so much and drops what its queue does not hold."""

    def __init__(self, stage: Stage, bits_per_second: float) -> None:
        self._stage = stage
        self.bits_per_second = bits_per_second
        self._queued_bytes = 0.0
        self._then_us = stage.now_us

    def drops(self, datagram: bytes) -> bool:
        passed_us = self._stage.now_us - self._then_us
        self._then_us = self._stage.now_us
        self._queued_bytes = max(0.0, self._queued_bytes - passed_us * self.bits_per_second / 8e6)
        if self._queued_bytes + len(datagram) > QUEUE_BYTES:
            return True
        self._queued_bytes += len(datagram)
        return False


class Player:
    """A browser that shows pictures, asks for lost packets, and reports."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.browser: Browser = stage.joined(has_audio=False)
        self._inbound = InboundStream(InboundNumbers(Codec.H264, H264, RTX), SessionClock(), OWN_SSRC)
        self._taken = 0
        self._report_us = 0
        self.shown: list[tuple[int, str]] = []

    def turn(self) -> None:
        now_us = self._stage.now_us
        units = [
            unit for packet in self.browser.received[self._taken :] for unit in self._inbound.feed(packet, now_us)
        ]
        self._taken = len(self.browser.received)
        units += self._inbound.units.handle_timer(now_us)
        self.shown += [(now_us, NAMES[len(unit.data[-1])]) for unit in units]
        packets: list[RtcpPacket] = [
            # The broker wishes for a keyframe each two seconds, a browser when it can show nothing.
            one
            for one in self._inbound.poll_requests(now_us)
            if not isinstance(one, PictureLossIndication) or not self.since(now_us - PATIENCE_US)
        ]
        if now_us >= self._report_us:
            self._report_us = now_us + SECOND_US
            block = self._inbound.report(now_us)
            packets.insert(0, ReceiverReport(OWN_SSRC, () if block is None else (block,)))
        if packets:
            self.browser.send_rtcp(encode_compound(packets))

    def since(self, begin_us: int) -> list[tuple[int, str]]:
        return [one for one in self.shown if one[0] >= begin_us]


def longest_pause_us(shown: list[tuple[int, str]]) -> int:
    return max(other - one for (one, _), (other, _) in pairwise(shown))


class Scene:
    def __init__(self, bits_per_second: float) -> None:
        self.stage = Stage()
        self.producer = LayeredProducer(self.stage)
        self.link = NarrowLink(self.stage, bits_per_second)
        self.producer.film(50)
        self.player = Player(self.stage)
        self.stage.drops = lambda datagram: datagram[0] >= 128 and self.link.drops(datagram)

    def film(self, seconds: float) -> list[tuple[int, str]]:
        begin_us = self.stage.now_us
        for _ in range(round(seconds * SECOND_US / FRAME_US)):
            self.producer.film(1)
            self.player.turn()
        return self.player.since(begin_us)


def test_a_wide_link_gets_the_best_without_a_pause() -> None:
    scene = Scene(100 * RATES_BPS["h"])
    # A piece of the backlog is more than the queue holds.
    scene.film(1)
    shown = scene.film(40)
    assert {rid for _, rid in shown} == {"h"}
    assert longest_pause_us(shown) <= 3 * FRAME_US


@pytest.mark.parametrize(("bears", "rid"), [(1.5 * RATES_BPS["m"], "m"), (1.5 * RATES_BPS["l"], "l")])
def test_a_narrow_link_gets_the_layer_that_it_bears_and_no_freeze(bears: float, rid: str) -> None:
    scene = Scene(bears)
    # It comes back from what the backlog of the start has cost, and by then something better has been tried.
    scene.film(18)
    shown = scene.film(8)
    assert {name for _, name in shown} == {rid}
    assert longest_pause_us(shown) <= 3 * FRAME_US


def test_a_link_that_gets_narrow_costs_a_moment_and_when_it_opens_the_best_comes_back() -> None:
    scene = Scene(2.0 * RATES_BPS["h"])
    scene.film(5)
    scene.link.bits_per_second = 1.5 * RATES_BPS["l"]
    begin_us = scene.stage.now_us
    shown = scene.film(8)
    first_low_us = next(at for at, rid in shown if rid == "l")
    assert first_low_us - begin_us < 4 * SECOND_US
    scene.link.bits_per_second = 2.0 * RATES_BPS["h"]
    scene.film(3)
    shown = scene.film(40)
    assert shown[-1][1] == "h"
    assert longest_pause_us(shown) <= 6 * FRAME_US


def test_who_has_chosen_a_layer_keeps_it_on_whatever_link() -> None:
    scene = Scene(1.5 * RATES_BPS["l"])
    scene.player.browser.session.choose_layer("h")
    scene.film(10)
    assert scene.player.browser.session.layer == "h"
