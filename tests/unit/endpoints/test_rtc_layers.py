"""The lower layers of a channel, and viewers that go from one to another."""

from itertools import pairwise

import pytest
from tests.support.layered_producer import LAYERS, LayeredProducer
from tests.support.rtc_stage import FRAME_90KHZ, Browser, Stage

from headrace.endpoints.rtc_layer_choice import DEAD_US
from headrace.endpoints.rtc_layers import MAX_WAITING
from headrace.remux.access_unit import AccessUnit, Codec
from headrace.remux.rtp_clock import SessionClock
from headrace.remux.rtp_to_units import RtpToUnits
from headrace.webrtc.rtp import timestamp_distance

SECOND = 25
"""Pictures."""


class Scene:
    """A producer in layers, and one who watches."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.producer = LayeredProducer(self.stage)
        self.producer.film(2 * SECOND)
        self.browser = self.stage.joined(has_audio=False)
        self.producer.film(SECOND)

    @property
    def layer(self) -> str | None:
        return self.browser.session.layer


def shown(browser: Browser) -> list[AccessUnit]:
    """Return the pictures that a decoder would have shown; it waits for nothing."""
    to_units = RtpToUnits(Codec.H264, SessionClock())
    return [unit for packet in browser.pictures() for unit in to_units.feed(packet, 0)]


def layers_in(units: list[AccessUnit]) -> list[str]:
    """Return the layers of pictures, one for each run."""
    names = {size + 1: rid for rid, size in LAYERS.items()}
    rids = [names[len(unit.data[-1])] for unit in units]
    return rids[:1] + [rid for before, rid in pairwise(rids) if rid != before]


def assert_unbroken(browser: Browser) -> None:
    packets = browser.pictures()
    assert len({packet.ssrc for packet in packets}) == 1
    assert all((other.seqno - one.seqno) & 0xFFFF == 1 for one, other in pairwise(packets))
    steps = [timestamp_distance(one.timestamp, other.timestamp) for one, other in pairwise(packets)]
    assert min(steps) >= 0
    ends = [one.timestamp for one in packets if one.marker]
    assert all(timestamp_distance(one, other) > 0 for one, other in pairwise(ends))
    assert max(steps) <= 2 * FRAME_90KHZ


def test_who_wants_nothing_gets_the_best_layer() -> None:
    scene = Scene()
    assert scene.layer == "h"
    assert layers_in(shown(scene.browser)) == ["h"]


def test_who_wants_a_layer_gets_it_from_its_next_keyframe_on_without_a_break() -> None:
    scene = Scene()
    for rid in ("l", "m", "h", "l"):
        assert scene.browser.session.choose_layer(rid)
        scene.producer.film(SECOND)
        assert scene.layer == rid
    units = shown(scene.browser)
    assert layers_in(units) == ["h", "l", "m", "h", "l"]
    assert_unbroken(scene.browser)
    # At each change the two layers may both have shown the same moment.
    assert len(units) >= 5 * SECOND


def test_a_keyframe_is_asked_for_so_that_a_change_takes_a_moment() -> None:
    scene = Scene()
    scene.producer.wishes.clear()
    scene.browser.session.choose_layer("l")
    scene.producer.film(4)
    assert scene.layer == "l"


def test_a_layer_that_there_is_not_is_refused_and_none_lets_the_broker_choose_again() -> None:
    scene = Scene()
    assert not scene.browser.session.choose_layer("x")
    assert scene.browser.viewer.wanted_layer is None
    scene.browser.session.choose_layer("m")
    scene.producer.film(SECOND)
    scene.browser.session.choose_layer(None)
    scene.producer.film(SECOND)
    assert scene.layer == "h"
    assert [one.rid for one in scene.browser.session.layers] == ["h", "m", "l"]


def test_the_same_moment_has_the_same_timestamp_in_each_layer() -> None:
    scene = Scene()
    other = scene.stage.joined(has_audio=False)
    other.session.choose_layer("m")
    scene.producer.film(2 * SECOND)
    stamps = [{one.timestamp for one in browser.pictures()[-100:]} for browser in (scene.browser, other)]
    assert len(stamps[0] & stamps[1]) > 10


def test_who_is_on_a_layer_that_is_stopped_goes_on_with_the_next_lower_one_and_comes_back() -> None:
    scene = Scene()
    scene.browser.session.choose_layer("m")
    scene.producer.film(SECOND)
    scene.producer.stopped = {"m"}
    scene.producer.film(DEAD_US // 40_000 + SECOND // 2)
    assert scene.layer == "l"
    scene.producer.stopped = set()
    scene.producer.film(2 * SECOND)
    assert scene.layer == "m"
    assert layers_in(shown(scene.browser)) == ["h", "m", "l", "m"]


def test_when_the_best_layer_is_stopped_its_viewers_and_those_of_the_next_see_the_next() -> None:
    scene = Scene()
    other = scene.stage.joined(has_audio=False)
    other.session.choose_layer("m")
    scene.producer.film(SECOND)
    scene.producer.stopped = {"h"}
    scene.producer.film(DEAD_US // 40_000 + SECOND)
    assert scene.producer.main == "m"
    assert [one.session.layer for one in (scene.browser, other)] == ["m", "m"]
    assert {one.viewer.places[0].stream for one in (scene.browser, other)} == {scene.stage.room.channel.video}
    for browser in (scene.browser, other):
        assert layers_in(shown(browser)) == ["h", "m"]


def test_when_another_producer_follows_all_begin_anew_with_its_best() -> None:
    scene = Scene()
    scene.browser.session.choose_layer("l")
    scene.producer.film(SECOND)
    scene.producer.end()
    assert scene.browser.session.layers == []
    second = LayeredProducer(scene.stage, "second", layers={"1": 6_000, "2": 800})
    second.film(2 * SECOND)
    assert scene.layer == "1"
    assert layers_in(shown(scene.browser)) == ["h", "l", "h"]
    assert [one.rid for one in scene.browser.session.layers] == ["1", "2"]


def test_the_layers_of_who_stands_by_are_nobodys() -> None:
    scene = Scene()
    standby = LayeredProducer(scene.stage, "standby")
    standby.on_air = False
    for _ in range(SECOND):
        scene.producer.film(1)
        standby.film(1)
    feed = scene.stage.room.layers.feed
    assert feed is scene.producer.session.layers
    standby.on_air, scene.producer.on_air = True, False
    standby.film(3 * SECOND)
    assert scene.stage.room.layers.feed is standby.session.layers


def test_a_channel_with_one_layer_has_none_to_choose_from() -> None:
    stage = Stage()
    browser = stage.joined()
    stage.stream(30)
    assert browser.session.layers == []
    assert browser.session.layer is None
    assert not browser.session.choose_layer("h")


@pytest.mark.parametrize("frames", [MAX_WAITING])
def test_pictures_that_the_channel_never_comes_to_are_not_kept_for_ever(frames: int) -> None:
    scene = Scene()
    scene.producer.on_air = False
    scene.producer.film(frames // 2)
    layers = scene.stage.room.layers
    # 300 ms of two layers, and the one that has just come.
    assert len(layers._waiting) <= 2 * 9


def test_who_cannot_decode_gets_a_new_keyframe_and_not_all_since_the_last_again() -> None:
    scene = Scene()
    before = len(shown(scene.browser))
    scene.stage.room.restart(scene.browser.viewer, scene.stage.now_us)
    scene.producer.film(6)
    after = shown(scene.browser)[before:]
    assert any(unit.is_keyframe for unit in after)
    assert len(after) <= 7


def test_no_layer_is_ahead_of_the_channel_though_it_comes_a_shorter_way() -> None:
    scene = Scene()
    video, lower = scene.stage.room.channel.video, scene.stage.room.layers.streams["l"]
    for _ in range(SECOND):
        scene.producer.film(1)
        assert 0 <= timestamp_distance(lower.newest_timestamp, video.newest_timestamp) <= FRAME_90KHZ
