"""What anybody may know of channels."""

import asyncio
from typing import Any

import pytest
from tests.support.web_client import DeskStandIn

from headrace.access.channel_rule import Visibility
from headrace.remux.reordering import REORDERING_NOTICE
from headrace.web.public_channels import FRESH_US, PublicChannels, empty_view


def test_a_list_has_public_channels_alone_and_what_is_live_and_watched_first() -> None:
    desk = DeskStandIn()
    desk.add("empty", state="waiting", subscribers=9)
    desk.add("few", subscribers=1)
    desk.add("many", subscribers=5)
    desk.add("hidden", Visibility.UNLISTED)
    desk.add("secret", Visibility.PRIVATE)
    desk.channels.append({"id": "removed", "state": "live", "state_seconds": 1, "subscribers": {"count": 0}})
    listed = asyncio.run(PublicChannels(desk, lambda: 0).listed())
    assert [one["id"] for one in listed["channels"]] == ["many", "few", "empty"]
    assert (listed["unix_ms"], listed["srt_port"], listed["is_open"]) == (1_000_000, 8890, False)


def test_everything_has_what_no_list_may_show_too() -> None:
    desk = DeskStandIn()
    desk.add("empty", Visibility.UNLISTED, state="waiting")
    desk.add("secret", Visibility.PRIVATE)
    everything = asyncio.run(PublicChannels(desk, lambda: 0).everything())
    assert [(one["id"], one["is_private"]) for one in everything] == [("secret", True), ("empty", False)]


def test_what_was_seen_of_a_channel_that_is_live_is_told_too() -> None:
    desk = DeskStandIn()
    desk.add("live", title="Old")
    desk.add("over", state="waiting")
    seen = {"title": "Bridge", "video": {"codec": "h264", "width": 1280, "height": 720}, "has_reordering": True}
    channels = PublicChannels(desk, lambda: 0, lambda _: seen)
    live, over = asyncio.run(channels.find("live")), asyncio.run(channels.find("over"))
    assert live is not None
    assert over is not None
    assert {name: live[name] for name in seen} == seen
    assert (over["title"], over["video"]) == (None, None)


def test_a_channel_shows_what_a_page_shows_and_nobodys_address() -> None:
    desk = DeskStandIn()
    desk.add("a", subscribers=2, sessions={"count": 3}, title="Bridge", producer={"address": "192.0.2.9:5"})
    view = asyncio.run(PublicChannels(desk, lambda: 0).find("a"))
    assert view == {
        "id": "a", "title": "Bridge", "state": "live", "live_seconds": 12.5, "viewers": 5, "thumbnail": True,
        "is_private": False, "video": None, "has_reordering": False, "notice": None,
        "layers": [],
        "in_browsers": "as_is",
    }  # fmt: skip
    assert set(view) == set(empty_view("a", is_private=False))


@pytest.mark.parametrize(
    ("facts", "max_recoded_channels", "how", "notice"),
    [
        ({}, 0, "as_is", None),
        ({"has_reordering": True}, 0, "not", REORDERING_NOTICE),
        ({"has_reordering": True}, 2, "recoded", None),
        ({"has_reordering": True, "recoding": {"pictures": 3}}, 2, "recoded", None),
        ({"has_reordering": True, "notice": "all slots are taken"}, 2, "not", "all slots are taken"),
    ],
)
def test_it_is_told_how_browsers_get_the_pictures_and_where_they_do_not_why(
    facts: dict[str, Any], max_recoded_channels: int, how: str, notice: str | None
) -> None:
    desk = DeskStandIn()
    desk.add("a", **facts)
    desk.broker_facts["max_recoded_channels"] = max_recoded_channels
    view = asyncio.run(PublicChannels(desk, lambda: 0).find("a"))
    assert view is not None
    assert (view["in_browsers"], view["notice"]) == (how, notice)


def test_time_live_is_not_that_of_waiting() -> None:
    desk = DeskStandIn()
    desk.add("a", Visibility.PRIVATE, state="waiting")
    view = asyncio.run(PublicChannels(desk, lambda: 0).find("a"))
    assert view is not None
    assert (view["live_seconds"], view["thumbnail"], view["is_private"]) == (None, False, True)


def test_a_crowd_that_asks_at_once_costs_one_look() -> None:
    desk, now_us = DeskStandIn(), 0
    channels = PublicChannels(desk, lambda: now_us)

    async def crowd() -> None:
        await asyncio.gather(*(channels.listed() for _ in range(50)))

    asyncio.run(crowd())
    assert desk.looks == 1
    now_us = FRESH_US
    asyncio.run(crowd())
    assert desk.looks == 1
    now_us += 1
    asyncio.run(crowd())
    assert desk.looks == 2
