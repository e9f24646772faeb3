"""The pictures of a producer in several sizes."""

from contextlib import suppress
from random import Random

import pytest
from tests.support.layered_producer import LayeredProducer
from tests.support.rtc_stage import H264, RTX, Stage, picture

from headrace.base.errors import PacketError
from headrace.endpoints.rtc_inbound import InboundNumbers
from headrace.endpoints.rtc_inbound_layers import InboundLayers, mark_of
from headrace.endpoints.rtc_layer_choice import DEAD_US
from headrace.endpoints.rtc_rids import MAX_SOURCES, LayerNumbers
from headrace.remux.access_unit import AccessUnit, Codec
from headrace.remux.rtp_clock import SessionClock
from headrace.remux.ts_to_units import TsToUnits
from headrace.webrtc.rtp import RtpPacket


def layers_of(producer: LayeredProducer) -> InboundLayers:
    assert producer.session.layers is not None
    return producer.session.layers


def test_the_best_layer_goes_into_the_channel_and_the_others_to_who_listens() -> None:
    stage = Stage()
    producer = LayeredProducer(stage)
    heard: list[tuple[str, AccessUnit]] = []
    layers_of(producer).listener = lambda rid, unit, _: heard.append((rid, unit))
    producer.film(50)
    assert producer.main == "h"
    ring = stage.room.channel.video.ring
    assert ring.next_index > 40 * 6
    assert {rid for rid, _ in heard[-20:]} == {"m", "l"}
    assert len(heard) >= 2 * 48
    assert {len(unit.data[-1]) for rid, unit in heard if rid == "m"} == {2_501}


def test_a_keyframe_of_the_channel_is_known_by_what_it_is_after_a_way_through_a_transport_stream() -> None:
    stage = Stage()
    producer = LayeredProducer(stage)
    seen: list[AccessUnit] = []
    stage.room.channel.on_keyframe = seen.append
    producer.film(60)
    assert len(seen) >= 2
    times = [layers_of(producer).time_of(unit) for unit in seen]
    assert None not in times
    # The same step on both clocks.
    known = [time for time in times if time is not None]
    assert known[1] - known[0] == seen[1].pts_90khz - seen[0].pts_90khz
    assert layers_of(producer).time_of(picture(999, is_keyframe=True)) is None


def test_zeros_at_the_end_of_a_picture_are_not_part_of_what_it_is_known_by() -> None:
    one, other = (AccessUnit(Codec.H264, 0, 0, [b"\x65abc" + tail]) for tail in (b"", b"\0\0"))
    assert mark_of(one) == mark_of(other)


def test_when_the_best_layer_is_stopped_the_channel_goes_on_with_the_next_and_its_times_never_go_back() -> None:
    stage = Stage()
    producer = LayeredProducer(stage)
    to_units, shown = TsToUnits(), list[AccessUnit]()
    producer.sink = lambda payloads: shown.extend(unit for payload in payloads for unit in to_units.feed(payload))
    producer.film(40)
    producer.stopped = {"h"}
    producer.film(DEAD_US // 40_000 + 30)
    assert producer.main == "m"
    producer.stopped = set()
    producer.film(100)
    assert producer.main == "h"
    assert {len(unit.data[-1]) for unit in shown} == {6_001, 2_501}
    times = [unit.pts_90khz for unit in shown]
    assert times == sorted(set(times))
    sizes = [len(unit.data[-1]) for unit in shown]
    begins = [unit for unit, before in zip(shown[1:], sizes, strict=False) if len(unit.data[-1]) != before]
    assert len(begins) == 2
    assert all(unit.is_keyframe for unit in begins)


def test_what_names_no_layer_is_counted() -> None:
    stage = Stage()
    producer = LayeredProducer(stage)
    producer.send(RtpPacket(H264, 1, 1, 77, b"\x41x"), "x", 1)
    producer.send(RtpPacket(H264, 2, 1, 77, b"\x41x"), None, 2)
    assert producer.session.peer.ignored_packets == {"rtp_unknown_rid": 1, "rtp_without_rid": 1}


@pytest.mark.parametrize("seed", range(4))
def test_whatever_comes_is_taken_or_refused_with_a_reason(seed: int) -> None:
    random = Random(seed)
    layers = InboundLayers(
        InboundNumbers(Codec.H264, H264, RTX), LayerNumbers(("h", "l"), 10, 11), SessionClock(), 7
    )
    names = [b"h", b"l", b"x", b"", b"\xff\xff"]
    for step in range(3_000):
        packet = RtpPacket(
            random.choice([H264, RTX]),
            random.randrange(0x1_0000) if random.random() < 0.1 else step & 0xFFFF,
            step * 3_000,
            random.randrange(20),
            random.choice([b"", b"\x65", b"\x41ab", b"\x7c\x85abc", b"\x78\0\2\x65\x01", random.randbytes(9)]),
            random.random() < 0.5,
            extensions={random.choice([9, 10, 11]): random.choice(names)},
        )
        with suppress(PacketError):
            layers.feed(packet, step * 5_000)
        layers.handle_timer(step * 5_000)
        assert len(layers._table) <= MAX_SOURCES
    assert {one.rid for one in layers.facts()} <= {"h", "l"}


def test_each_layer_says_what_comes_of_it() -> None:
    stage = Stage()
    producer = LayeredProducer(stage)
    producer.film(80)
    producer.stopped = {"l"}
    producer.film(30)
    facts = layers_of(producer).facts()
    assert [(one.rid, one.is_main, one.is_alive) for one in facts] == [
        ("h", True, True),
        ("m", False, True),
        ("l", False, False),
    ]
    assert abs(facts[0].bits_per_second - 6_000 * 8 * 25) < 100_000
