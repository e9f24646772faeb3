"""Sound and picture stay together from a browser's camera to a player, for ten minutes, whatever the clocks do."""

import pytest
from tests.simnet.link import SimLink
from tests.support.long_runs import only_long
from tests.support.remux_session import SECOND, Session

from headrace.remux.access_unit import Codec

MS = 1_000
SECONDS = 600
WITHIN_US = 40 * MS
LINK = SimLink(latency_us=40 * MS, jitter_us=15 * MS, loss=0.01, reordering=0.01)


@pytest.mark.parametrize(("picture_ppm", "sound_ppm", "wall_ppm"), [(50, -200, 100), only_long(0, 200, 0)])
def test_clocks_that_run_wrong_do_not_part_sound_and_picture(
    picture_ppm: int, sound_ppm: int, wall_ppm: int
) -> None:
    session = Session(1, LINK, picture_ppm=picture_ppm, sound_ppm=sound_ppm, wall_ppm=wall_ppm)
    session.run(SECONDS)
    assert len(session.delays_us[Codec.OPUS]) > 0.98 * SECONDS * 10
    assert len(session.delays_us[Codec.H264]) > 0.9 * SECONDS * 5
    assert session.largest_parting_us() <= WITHIN_US


def test_without_reports_they_part_as_fast_as_their_clocks() -> None:
    """What reports are for: 200 millionths are 120 ms in ten minutes, and nothing else would tell."""
    session = Session(2, LINK, picture_ppm=0, sound_ppm=200, wall_ppm=0, has_reports=False)
    session.run(SECONDS)
    assert 100 * MS < session.largest_parting_us() < 160 * MS


def test_sound_that_arrives_late_at_first_is_brought_to_its_picture_in_seconds() -> None:
    session = Session(
        3, SimLink(latency_us=20 * MS), picture_ppm=0, sound_ppm=0, wall_ppm=0, sound_late_us=120 * MS
    )
    session.run(20)
    assert session.largest_parting_us() > 100 * MS
    assert session.largest_parting_us(after_us=8 * SECOND) <= 2 * MS
