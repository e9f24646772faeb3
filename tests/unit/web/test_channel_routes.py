"""The channels over HTTP."""

import pytest
from starlette.applications import Starlette
from tests.support.web_client import DeskStandIn, ask

from headrace.access.channel_rule import Visibility
from headrace.web.channel_routes import ChannelRoutes
from headrace.web.public_channels import PublicChannels

TOKEN = {"Authorization": "Bearer a-token"}


class Pictures:
    async def newest(self, channel_id: str) -> bytes | None:
        return b"\xff\xd8" + channel_id.encode() if channel_id != "dark" else None

    def describe(self, channel_id: str) -> dict[str, str]:
        return {"title": channel_id.upper()}


@pytest.fixture
def app() -> Starlette:
    desk = DeskStandIn()
    desk.add("open")
    desk.add("dark")
    desk.add("hidden", Visibility.UNLISTED)
    desk.add("secret", Visibility.PRIVATE)
    desk.visibilities["idle"] = Visibility.PUBLIC
    return Starlette(routes=ChannelRoutes(desk, PublicChannels(desk, lambda: 0), Pictures()).routes())


def test_the_list_has_what_is_public(app: Starlette) -> None:
    answer = ask(app, "GET", "/api/v1/channels")
    assert [one["id"] for one in answer.json()["channels"]] == ["dark", "open"]
    assert answer.headers["cache-control"] == "no-store"


def test_who_knows_the_id_sees_an_unlisted_channel(app: Starlette) -> None:
    assert ask(app, "GET", "/api/v1/channels/hidden").json()["id"] == "hidden"
    assert ask(app, "GET", "/api/v1/channels/nothing").status_code == 404


def test_a_channel_that_nobody_produces_is_there_and_waits(app: Starlette) -> None:
    assert ask(app, "GET", "/api/v1/channels/idle").json()["state"] == "waiting"


@pytest.mark.parametrize("path", ["/api/v1/channels/secret", "/thumbnails/secret.jpg"])
def test_of_a_private_channel_there_is_nothing_without_a_token(app: Starlette, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        answer = ask(app, "GET", path, headers=headers)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert answer.json()["code"] == 2401
    assert ask(app, "GET", path, headers=TOKEN).status_code == 200
    assert ask(app, "GET", f"{path}?token=a-token").status_code == 200


def test_pictures_are_kept_for_a_while_by_all_caches_if_everybody_may_see_them(app: Starlette) -> None:
    answer = ask(app, "GET", "/thumbnails/open.jpg")
    assert (answer.content, answer.headers["content-type"]) == (b"\xff\xd8open", "image/jpeg")
    assert answer.headers["cache-control"] == "public, max-age=5"
    assert (
        ask(app, "GET", "/thumbnails/secret.jpg", headers=TOKEN).headers["cache-control"] == "private, max-age=5"
    )


def test_where_there_is_no_picture_it_says_so(app: Starlette) -> None:
    answer = ask(app, "GET", "/thumbnails/dark.jpg")
    assert (answer.status_code, answer.headers["cache-control"]) == (404, "no-store")
    desk = DeskStandIn()
    desk.add("open")
    none = Starlette(routes=ChannelRoutes(desk, PublicChannels(desk, lambda: 0)).routes())
    assert ask(none, "GET", "/thumbnails/open.jpg").status_code == 404
