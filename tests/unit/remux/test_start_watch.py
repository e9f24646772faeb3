"""Streams in which no picture stands alone."""

from headrace.remux.start_watch import PATIENCE_90KHZ, StartWatch


def test_recovery_points_alone_are_gradual() -> None:
    watch = StartWatch()
    assert not watch.is_gradual
    watch.handle_recovery_point(90_000)
    assert watch.is_gradual


def test_an_idr_picture_now_and_then_is_enough() -> None:
    watch = StartWatch()
    watch.handle_recovery_point(0)
    watch.handle_idr(90_000)
    assert not watch.is_gradual
    watch.handle_recovery_point(90_000 + PATIENCE_90KHZ)
    assert not watch.is_gradual
    watch.handle_recovery_point(90_001 + PATIENCE_90KHZ)
    assert watch.is_gradual


def test_a_clock_that_goes_back_has_no_idr_picture_before_it() -> None:
    watch = StartWatch()
    watch.handle_idr(90_000)
    watch.handle_recovery_point(0)
    assert watch.is_gradual
