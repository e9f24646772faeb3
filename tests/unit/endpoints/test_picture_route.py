"""Which pictures go to browsers as they come, and which are re-encoded."""

import pytest
from tests.support.recoder import Recoder
from tests.support.rtc_stage import picture

from headrace.endpoints import picture_route
from headrace.endpoints.picture_route import PictureRoute
from headrace.remux.access_unit import AccessUnit


def passed(route: PictureRoute, *pictures: AccessUnit, is_playable: bool = True) -> list[bool]:
    """Return which of some pictures go out as they are."""
    return [route.take(one, is_playable=is_playable) for one in pictures]


def test_without_a_recoder_everything_goes_as_it_comes() -> None:
    route = PictureRoute(None)
    assert passed(route, picture(0, is_keyframe=True), picture(1), is_playable=False) == [True, True]
    assert (route.facts(), route.trouble, route.is_recoded, route.can_recode) == (None, None, False, False)
    assert route.so_far() == {}
    route.close()


def test_with_the_first_b_frame_the_recoder_gets_all_since_the_keyframe() -> None:
    recoder = Recoder()
    route = PictureRoute(recoder)
    earlier = [picture(0, is_keyframe=True), picture(1)]
    pictures = [picture(2, is_keyframe=True), picture(3), picture(4)]
    assert passed(route, *earlier, *pictures[:2]) == [True] * 4
    assert passed(route, pictures[2], is_playable=False) == [False]
    assert recoder.units == pictures
    assert route.is_recoded
    assert route.facts() == {"pictures": 3, "left_out_pictures": 0, "failures": 0}


def test_it_goes_back_to_the_straight_way_at_a_keyframe() -> None:
    recoder = Recoder()
    route = PictureRoute(recoder)
    assert passed(route, picture(0, is_keyframe=True), picture(1), is_playable=False) == [False, False]
    assert passed(route, picture(2)) == [False]
    assert recoder.ends == 0
    assert passed(route, picture(3, is_keyframe=True), picture(4)) == [True, True]
    assert (recoder.ends, route.is_recoded, route.facts()) == (1, False, None)
    assert route.so_far()["pictures"] == 3


def test_while_no_slot_is_free_no_picture_goes_out_and_each_keyframe_asks_again() -> None:
    recoder = Recoder()
    recoder.has_slot = False
    route = PictureRoute(recoder)
    assert passed(route, picture(0, is_keyframe=True), picture(1), is_playable=False) == [False, False]
    assert not route.is_recoded
    recoder.has_slot = True
    pictures = [picture(2), picture(3, is_keyframe=True), picture(4)]
    assert passed(route, *pictures, is_playable=False) == [False] * 3
    assert (route.is_recoded, recoder.units) == (True, pictures[1:])


def test_no_keyframe_is_waited_for_for_ever() -> None:
    route = PictureRoute(Recoder())
    passed(route, *[picture(number) for number in range(picture_route.MAX_AWAITED_UNITS - 1)], is_playable=False)
    assert route.can_recode
    passed(route, picture(1_000), is_playable=False)
    assert not route.can_recode
    passed(route, picture(1_001, is_keyframe=True), is_playable=False)
    assert (route.can_recode, route.is_recoded) == (True, True)


def test_no_more_is_kept_than_a_backlog_and_what_has_no_beginning_not_at_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(picture_route, "MAX_KEPT_UNITS", 3)
    route = PictureRoute(Recoder())
    passed(route, picture(0))
    assert route._kept == []
    passed(route, picture(1, is_keyframe=True), picture(2), picture(3))
    assert len(route._kept) == 3
    passed(route, picture(4), picture(5))
    assert (route._kept, route._kept_bytes) == ([], 0)
    monkeypatch.setattr(picture_route, "MAX_KEPT_BYTES", 3_000)
    passed(route, picture(6, 2_000, is_keyframe=True))
    assert route._kept_bytes > 2_000
    passed(route, picture(7, 2_000))
    assert (route._kept, route._kept_bytes) == ([], 0)


def test_trouble_is_the_recoder_s_and_closing_ends_it() -> None:
    recoder = Recoder()
    route = PictureRoute(recoder)
    assert route.can_recode
    recoder.trouble = "too hot"
    assert (route.trouble, route.can_recode) == ("too hot", False)
    route.close()
    assert recoder.ends == 1
