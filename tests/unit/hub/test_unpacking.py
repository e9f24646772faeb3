"""What a standby held goes on the air slice by slice."""

import numpy as np
from tests.support.groups import Groups, pictures
from tests.support.srt_datagrams import PARAMETERS, THERE

from headrace.base.datagram_batch import U8Array
from headrace.hub.channel_stream import ChannelStream
from headrace.hub.producer import Producer
from headrace.hub.standby import Standby
from headrace.hub.unpacking import SLICE_INTERVAL_US, SLICE_PACKETS, Unpacking
from headrace.srt.connection import Connection

FIRST = PARAMETERS.receive_seqno
NOW_US = 5_000_000


def as_array(payload: bytes) -> U8Array:
    return np.frombuffer(payload, np.uint8)


class Scene:
    """A channel that has had 7 packets, and a standby with a long group."""

    def __init__(self, packets: int, *, missing: int = -1) -> None:
        self.stream = ChannelStream()
        for index in range(7):
            self.stream.put(index, as_array(bytes(188)), 0)
        groups = Groups(1000, payloads=10, keyframe_payloads=10)
        self.sent = [payload for _ in range(packets // 10 + 2) for payload in groups.next_frame()]
        self.producer = Producer(Connection(PARAMETERS), THERE)
        standby = Standby(self.producer, NOW_US)
        for index in range(packets):
            place = self.producer.timeline.place(FIRST + index)
            assert place == index
            if index != missing:
                standby.put(index, as_array(self.sent[index]), 0, NOW_US)
        self.unpacking = Unpacking(standby, 0, self.stream, NOW_US)


def test_it_goes_slice_by_slice_and_then_the_producer_counts_in_the_channel() -> None:
    scene = Scene(2 * SLICE_PACKETS + 5)
    moved = []
    for number in range(3):
        assert not scene.unpacking.is_over
        now_us = NOW_US + number * SLICE_INTERVAL_US
        moved.append(len(scene.unpacking.next_slice(now_us)))
        assert scene.unpacking.is_over or scene.unpacking.next_slice(now_us + SLICE_INTERVAL_US - 1) == []
    assert moved == [SLICE_PACKETS, SLICE_PACKETS, 5]
    assert scene.unpacking.is_over
    assert scene.unpacking.packets == sum(moved)
    assert scene.producer.timeline.place(FIRST + sum(moved)) == 7 + sum(moved)
    assert pictures(scene.stream.payloads(range(7, 7 + sum(moved)))) == pictures(scene.sent[: sum(moved)])


def test_what_comes_meanwhile_follows() -> None:
    scene = Scene(SLICE_PACKETS + 1)
    assert len(scene.unpacking.next_slice(NOW_US)) == SLICE_PACKETS
    place = SLICE_PACKETS + 1
    payload = as_array(scene.sent[place])
    assert scene.unpacking.handle_payload(place, payload, NOW_US, NOW_US + 1) == []
    later_us = NOW_US + SLICE_INTERVAL_US
    assert scene.unpacking.next_slice(later_us) == [7 + SLICE_PACKETS, 7 + place]
    assert scene.unpacking.is_over


def test_what_comes_late_goes_to_its_place_at_once() -> None:
    scene = Scene(SLICE_PACKETS + 1, missing=5)
    assert len(scene.unpacking.next_slice(NOW_US)) == SLICE_PACKETS - 1
    late = as_array(scene.sent[5])
    assert scene.unpacking.handle_payload(5, late, NOW_US, NOW_US + 1) == [12]
    assert scene.unpacking.handle_payload(5, late, NOW_US, NOW_US + 1) == []
    assert pictures(scene.stream.payloads(range(12, 13))) == pictures(scene.sent[5:6])


def test_what_is_from_before_its_start_has_no_place() -> None:
    scene = Scene(20)
    unpacking = Unpacking(scene.unpacking.standby, 10, scene.stream, NOW_US)
    assert unpacking.handle_payload(9, as_array(scene.sent[9]), NOW_US, NOW_US) == list(range(7, 17))
    assert unpacking.is_over


def test_what_was_held_is_stamped_as_of_now() -> None:
    scene = Scene(3)
    fresh = scene.unpacking.next_slice(NOW_US + 9)
    assert set(scene.stream.ring.times_us[scene.stream.ring.slots(np.array(fresh))].tolist()) == {NOW_US + 9}
