import pytest

from headrace.bench import frame_clock
from headrace.bench.frame_clock import NEVER_US, FrameClock


def test_frames_are_due_evenly_from_the_start_on_and_go_on_after_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FrameClock(30)
    assert clock.next_frame_us == NEVER_US
    monkeypatch.setattr(frame_clock, "now_us", lambda: 5_000_000)
    clock.start()
    assert clock.next_frame_us == 5_000_000
    clock.frames = 31
    assert clock.next_frame_us == 5_000_000 + 1_033_333
    clock.pause()
    assert clock.next_frame_us == NEVER_US
    monkeypatch.setattr(frame_clock, "now_us", lambda: 9_000_000)
    clock.start()
    assert clock.next_frame_us == 9_000_000
    clock.frames += 1
    assert clock.next_frame_us == 9_000_000 + 33_333
