from itertools import pairwise

import numpy as np
import pytest

from headrace.bench.stream import FRAMES, PAYLOAD_BYTES, StreamShape, make_stream
from headrace.mpegts.packet import decode_packet
from headrace.mpegts.start_finder import Mark, StartFinder


@pytest.mark.parametrize("shape", [StreamShape(), StreamShape(frame_packets=2, keyframe_packets=9)])
def test_every_frame_is_whole_transport_packets_in_as_many_full_payloads(shape: StreamShape) -> None:
    stream = make_stream(shape)
    counts = np.diff(stream.first_packets)
    assert counts[:: shape.keyframe_interval_frames].tolist() == [shape.keyframe_packets] * (
        FRAMES // shape.keyframe_interval_frames
    )
    assert stream.frame_packets(np.array([1, FRAMES + 1])).tolist() == [shape.frame_packets] * 2
    assert stream.payloads.shape == (counts.sum(), PAYLOAD_BYTES)
    assert round(shape.packets_per_second * FRAMES / 30) == counts.sum()
    packets = stream.payloads.reshape(-1, 188)
    assert (packets[:, 0] == 0x47).all()
    of_video = [p for p in map(decode_packet, map(bytes, packets)) if p.pid == 0x100]
    counters = [p.continuity_counter for p in of_video]
    assert all((after - before) % 16 == 1 for before, after in pairwise(counters))


def test_a_keyframe_is_found_at_the_start_of_each_of_its_frames() -> None:
    stream = make_stream(StreamShape())
    finder = StartFinder()
    found = {
        number
        for number, payload in enumerate(stream.payloads)
        if any(one.mark is Mark.KEYFRAME for one in finder.feed(payload.tobytes()))
    }
    assert found == set(stream.first_packets[:-1:60].tolist())


def test_two_and_a_half_megabits_are_eight_packets_thirty_times_a_second() -> None:
    assert StreamShape().packets_per_second == 240
    assert StreamShape().bits_per_second == pytest.approx(2.53e6, rel=0.01)
