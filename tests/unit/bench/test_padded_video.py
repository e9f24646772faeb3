"""A stream of a chosen rate that a decoder takes lightly."""

from headrace.bench.padded_video import FRAMES_PER_SECOND, make_padded_video, pad_picture
from headrace.media.decoder import StreamDecoder, VideoFrameDecoded


def test_it_has_its_rate_and_every_picture_can_be_decoded() -> None:
    frames = list(make_padded_video(20_000_000, 0.5))
    assert len(frames) == FRAMES_PER_SECOND // 2
    assert abs(8 * sum(map(len, frames)) / 0.5 / 20_000_000 - 1) < 0.02
    decoder = StreamDecoder()
    seen = [event for frame in frames for event in decoder.feed(frame)] + decoder.flush()
    assert sum(isinstance(event, VideoFrameDecoded) for event in seen) == len(frames)


def test_a_picture_that_is_large_enough_is_left_as_it_is() -> None:
    assert pad_picture(b"picture", 10) == b"picture"
    assert len(pad_picture(b"picture", 100)) == 100
    assert pad_picture(b"picture", 100).startswith(b"picture\x00\x00\x00\x01\x0c\xff")
