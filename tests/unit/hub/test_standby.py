"""What is held of a producer that waits for its turn."""

import numpy as np
import pytest
from tests.support.groups import Groups
from tests.support.srt_datagrams import PARAMETERS, THERE
from tests.support.transport import tables

from headrace.hub.producer import Producer
from headrace.hub.standby import KEYFRAME_PATIENCE_US, SILENCE_US, Standby
from headrace.mpegts.psi import ElementaryStream
from headrace.mpegts.stream_type import StreamType
from headrace.srt.connection import Connection

NOW_US = 5_000_000


def make_standby(*payloads: bytes) -> Standby:
    standby = Standby(Producer(Connection(PARAMETERS), THERE), NOW_US)
    for index, payload in enumerate(payloads):
        standby.put(index, np.frombuffer(payload, np.uint8), NOW_US, NOW_US)
    return standby


def test_before_it_has_sent_anything_it_cannot_go_on_the_air() -> None:
    assert make_standby().start_index(NOW_US + KEYFRAME_PATIENCE_US) is None


def test_it_starts_with_its_newest_keyframe() -> None:
    groups = Groups(2)
    payloads = [groups.next_frame() for _ in range(4)]
    standby = make_standby(*(payload for frame in payloads for payload in frame))
    begin = len(payloads[0]) + len(payloads[1])
    assert standby.start_index(NOW_US) == begin
    assert [content for _, content, _ in standby.packets(begin, 100)] == payloads[2] + payloads[3]
    assert [index for index, _, _ in standby.packets(begin, 100)] == list(range(begin, standby.ring.next_index))


def test_without_a_keyframe_it_waits_and_at_last_starts_with_what_comes() -> None:
    groups = Groups()
    groups.next_frame()
    standby = make_standby(*groups.next_frame())
    assert standby.start_index(NOW_US + KEYFRAME_PATIENCE_US - 1) is None
    assert standby.start_index(NOW_US + KEYFRAME_PATIENCE_US) == standby.ring.next_index


def test_what_is_no_transport_stream_starts_with_its_first_packet() -> None:
    assert make_standby(b"one", b"two").start_index(NOW_US) == 0


@pytest.mark.parametrize(("stream_type", "start"), [(StreamType.AAC_ADTS, 0), (StreamType.H264, None)])
def test_sound_alone_needs_no_keyframe(stream_type: StreamType, start: int | None) -> None:
    standby = make_standby(tables(streams=(ElementaryStream(stream_type, 0x100),)))
    assert standby.start_index(NOW_US) == start


def test_it_is_silent_after_a_while_without_packets() -> None:
    standby = make_standby(b"one")
    assert not standby.is_silent(NOW_US + SILENCE_US - 1)
    assert standby.is_silent(NOW_US + SILENCE_US)


def test_sound_alone_starts_where_one_that_has_just_fallen_silent_ended() -> None:
    sound = tables(streams=(ElementaryStream(StreamType.AAC_ADTS, 0x100),))
    standby = make_standby()
    for index in range(200):
        now_us = NOW_US + index * 100_000
        standby.put(index, np.frombuffer(sound, np.uint8), now_us, now_us)
    assert standby.start_index(now_us) == 197
    assert standby.start_index(now_us + SILENCE_US) == 200
