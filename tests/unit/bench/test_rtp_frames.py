"""The stream of the loads as a broker makes RTP of it."""

import pytest

from headrace.bench.rtp_frames import PAYLOAD_TYPE, SSRC, make_rtp_frames
from headrace.bench.stream import FRAMES, StreamShape, make_stream
from headrace.remux.ts_to_units import TsToUnits
from headrace.webrtc.rtp import RtpPacket, decode_rtp


def packets_of(shape: StreamShape, frame: int) -> list[RtpPacket]:
    frames = make_rtp_frames(make_stream(shape))
    rows = zip(frames.packets[frames.rows_of(frame)], frames.lengths[frames.rows_of(frame)].tolist(), strict=True)
    return [decode_rtp(row[:length].tobytes()) for row, length in rows]


@pytest.mark.parametrize("shape", [StreamShape(), StreamShape(1, 1)])
def test_every_frame_becomes_packets_of_one_picture(shape: StreamShape) -> None:
    frames = make_rtp_frames(make_stream(shape))
    for frame in 0, 1, FRAMES - 1:
        packets = packets_of(shape, frame)
        assert [packet.marker for packet in packets] == [False] * (len(packets) - 1) + [True]
        assert {(packet.ssrc, packet.payload_type) for packet in packets} == {(SSRC, PAYLOAD_TYPE)}
        assert len({packet.timestamp for packet in packets}) == 1
        assert frames.packets_before(frame + 1) - frames.packets_before(frame) == len(packets)
    assert (frames.lengths > 12).all()


def test_a_stream_that_repeats_is_counted_without_end() -> None:
    frames = make_rtp_frames(make_stream(StreamShape()))
    assert frames.packets_before(0) == 0
    assert frames.packets_before(FRAMES) == len(frames.lengths) == frames.packets_per_frame * FRAMES
    assert frames.packets_before(2 * FRAMES + 3) == 2 * len(frames.lengths) + frames.packets_before(3)
    assert frames.rows_of(FRAMES + 1) == frames.rows_of(1)


def test_what_a_broker_makes_of_it_is_the_same_each_time_round_and_browsers_can_play_it() -> None:
    stream, to_units = make_stream(StreamShape()), TsToUnits()
    keyframes = []
    for _ in range(2):
        for frame in range(FRAMES):
            begin, end = stream.first_packets[frame : frame + 2].tolist()
            (unit,) = to_units.feed(stream.payloads[begin:end].tobytes())
            keyframes.append(unit.is_keyframe)
    assert keyframes == [number % 60 == 0 for number in range(2 * FRAMES)]
    assert to_units.notice is None
    assert not to_units.drops
