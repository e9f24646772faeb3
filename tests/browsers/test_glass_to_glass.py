"""The measurement from glass to glass, short, with bounds for a busy machine."""

import numpy as np
import pytest
from bench.glass_to_glass import PARTS, GlassPlan, measure_glass_to_glass, print_glass_to_glass
from bench.picture_stamp import STAMP_HEIGHT, STAMP_WIDTH, draw_stamp, read_stamp

BUSY_MS = 3_000
"""A busy machine leaves the loudspeakers no time, and the picture waits for the sound: a second has been seen."""


@pytest.mark.parametrize("stamp_ms", [0, 1, 0x8000_0001, 0x1234_5678, 0xFFFF_FFFF])
def test_what_was_drawn_is_read(stamp_ms: int) -> None:
    luma = np.full((STAMP_HEIGHT + 5, STAMP_WIDTH + 5), 100, np.uint8)
    draw_stamp(luma, stamp_ms)
    assert read_stamp(luma) == stamp_ms


def test_a_picture_without_a_stamp_or_with_a_damaged_one_tells_no_time() -> None:
    luma = np.full((STAMP_HEIGHT, STAMP_WIDTH), 100, np.uint8)
    assert read_stamp(luma) is None
    draw_stamp(luma, 0x1234_5678)
    luma[: STAMP_HEIGHT // 2, :16] = 255
    assert read_stamp(luma) is None


@pytest.mark.interop
@pytest.mark.timeout(180)
def test_each_picture_that_a_browser_shows_tells_when_it_was_taken() -> None:
    ages = measure_glass_to_glass(GlassPlan(settle_seconds=1, seconds=3))
    print_glass_to_glass(ages)
    # Where the machine is busy, the page reads many pictures after the browser has gone on to the next.
    assert len(ages.parts_ms) > 3
    in_all_ms = ages.parts_ms[:, PARTS.index("in all")]
    assert np.allclose(ages.parts_ms[:, :-1].sum(axis=1), in_all_ms)
    assert np.min(in_all_ms) > 0
    assert np.median(in_all_ms) < BUSY_MS
    assert ages.lost_packets <= 0
