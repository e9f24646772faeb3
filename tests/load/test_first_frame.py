"""The bench of first pictures, short, with bounds for a busy machine."""

from statistics import median

from bench.first_frame import (
    KEYFRAME_INTERVAL_SECONDS,
    JoinPlan,
    encode_group,
    measure_first_frames,
    print_first_frames,
)


def test_who_joins_does_not_wait_for_the_next_keyframe() -> None:
    frames = measure_first_frames(10, encode_group(), JoinPlan(joins=8, seconds=3))
    print_first_frames(frames, frames)
    assert len(frames.waits_us) == 8
    assert median(frames.waits_us) < KEYFRAME_INTERVAL_SECONDS * 1_000_000 // 4
