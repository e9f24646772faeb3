"""The thread that has pictures re-encoded, and what it does when that fails."""

import time
from collections.abc import Callable, Sequence

import structlog
from structlog.testing import capture_logs
from tests.support.picture_processes import ECHO, start_fake, wait_for
from tests.support.reordered import reordered_units

from headrace.media import picture_run
from headrace.media.picture_process import PictureProcess
from headrace.media.picture_run import PictureRun
from headrace.remux.access_unit import AccessUnit, Codec

KEYFRAME = AccessUnit(Codec.H264, 90_000, 90_000, [b"\x65picture"])


class Listener:
    """What a run has given, and whether it has ended."""

    def __init__(self, start: Callable[[str], PictureProcess], backoff_seconds: float = 0.01) -> None:
        self.units: list[AccessUnit] = []
        self.ended = 0
        self.starts = 0
        self._start = start
        self.run = PictureRun(
            Codec.H264,
            self._start_process,
            self._take,
            self._note_end,
            log=structlog.get_logger(),
            first_backoff_seconds=backoff_seconds,
        )
        self.run.start()

    def _start_process(self) -> PictureProcess:
        self.starts += 1
        return self._start("h264")

    def _take(self, units: Sequence[AccessUnit]) -> None:
        self.units += units

    def _note_end(self) -> None:
        self.ended += 1

    def end(self) -> None:
        self.run.stop()
        assert self.run.join(30)
        assert (self.ended, self.run.is_running) == (1, False)

    def feed_until(self, condition: Callable[[], object]) -> None:
        """Give keyframes until something has happened."""

        def fed() -> bool:
            self.run.queue.put(KEYFRAME)
            return bool(condition())

        wait_for(fed)


def test_pictures_come_back_without_b_frames_on_their_times() -> None:
    listener = Listener(PictureProcess)
    units = reordered_units(40)
    for unit in units:
        listener.run.queue.put(unit)
        time.sleep(0.01)
    wait_for(lambda: listener.units and listener.units[-1].pts_90khz >= units[-1].pts_90khz - 9_000)
    times = [unit.pts_90khz for unit in listener.units]
    assert times == sorted(set(times))
    assert set(times) <= {unit.pts_90khz for unit in units}
    assert listener.units[0].is_keyframe
    assert {unit.codec for unit in listener.units} == {Codec.H264}
    assert (listener.run.pictures, listener.run.failures) == (len(times), 0)
    assert not listener.run.is_failing
    listener.end()


def test_a_process_that_dies_is_started_again_and_told_of() -> None:
    with capture_logs() as logs:
        listener = Listener(start_fake("following(); os._exit(1)"))
        listener.feed_until(lambda: listener.run.is_failing)
        listener.end()
    assert listener.run.failures >= 3
    assert listener.starts >= 3
    waits = [entry["in_seconds"] for entry in logs if "failed" in entry["event"]]
    assert waits[:3] == [0.01, 0.02, 0.04]


def test_a_process_that_hangs_is_ended() -> None:
    listener = Listener(start_fake("following(); time.sleep(600)", within_seconds=0.1))
    listener.feed_until(lambda: listener.run.failures)
    listener.feed_until(lambda: listener.starts >= 2)
    listener.end()


def test_one_that_makes_up_times_or_nothing_is_not_believed() -> None:
    for then in ("answer(CodedPicture(1 << 50, b'\\0\\0\\1\\x65x'))", "answer(CodedPicture(90_000, b'x'))"):
        listener = Listener(start_fake(f"following(); {then}; time.sleep(600)"))
        listener.feed_until(lambda: listener.run.failures)  # noqa: B023 - it is called at once
        assert listener.units == []
        listener.end()


def test_who_is_told_to_end_while_the_process_hangs_waits_for_nothing_and_gets_nothing_more() -> None:
    listener = Listener(start_fake("following(); time.sleep(600)", within_seconds=600))
    listener.run.queue.put(KEYFRAME)
    wait_for(lambda: listener.starts)
    listener.end()
    assert (listener.units, listener.run.failures) == ([], 0)


def test_the_process_ends_when_nothing_comes_any_more(monkeypatch: object) -> None:
    monkeypatch.setattr(picture_run, "IDLE_SECONDS", 0.05)  # type: ignore[attr-defined]
    listener = Listener(start_fake(ECHO))
    wait_for(lambda: listener.ended)
    assert not listener.run.is_running
    assert listener.run.failures == 0


def test_pictures_of_which_nothing_comes_are_told_of(monkeypatch: object) -> None:
    monkeypatch.setattr(picture_run, "MAX_BARREN_PICTURES", 3)  # type: ignore[attr-defined]
    listener = Listener(start_fake("while following(): answer()"))
    listener.feed_until(lambda: listener.run.is_failing)
    assert listener.run.failures == 0
    listener.end()


def test_pictures_that_are_left_out_are_logged_now_and_then() -> None:
    with capture_logs() as logs:
        listener = Listener(start_fake("while (picture := following()): answer(picture); time.sleep(0.001)"))
        listener.run.queue.put(KEYFRAME)
        wait_for(lambda: listener.units)
        listener.run.queue.pause()
        listener.run.queue.put(KEYFRAME)
        listener.run.queue.resume()
        listener.feed_until(lambda: len(listener.units) > 3)
        listener.end()
    (warning,) = [entry for entry in logs if "cannot keep up" in entry["event"]]
    assert warning["pictures"] == 1
