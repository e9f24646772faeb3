"""Of a private channel who has no token sees nothing over HTTP: not that it is live, no picture, not a word."""

import json
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from tests.support.web_client import ADMIN, DeskStandIn, GatewayStandIn, ask, web_parts
from tests.support.web_sockets import ClosedError, SocketClient

from headrace.access.channel_rule import Visibility
from headrace.web.app import make_app

SECRET = "5ecret"


class Pictures:
    async def newest(self, channel_id: str) -> bytes | None:
        return channel_id.encode()

    def describe(self, channel_id: str) -> dict[str, str]:
        return {"title": channel_id}


@pytest.fixture
def app() -> Starlette:
    desk = DeskStandIn()
    desk.add("open")
    desk.add(SECRET, Visibility.PRIVATE, title=SECRET)
    return make_app(web_parts(desk, gateway=GatewayStandIn(), thumbnails=Pictures()))


@pytest.fixture
def sockets(app: Starlette) -> Iterator[SocketClient]:
    with SocketClient(app) as client:
        yield client


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
def test_of_a_private_channel_nothing_is_seen_over_http_without_a_token(
    app: Starlette, sockets: SocketClient, headers: dict[str, str]
) -> None:
    assert SECRET not in ask(app, "GET", "/api/v1/channels", headers=headers).text
    for path in (f"/api/v1/channels/{SECRET}", f"/thumbnails/{SECRET}.jpg", f"/api/v1/channels/{SECRET}/chat"):
        answer = ask(app, "GET", path, headers=headers)
        assert answer.status_code == 401
        assert SECRET not in answer.text
    with sockets.connect(f"/chat/{SECRET}", headers) as stranger:
        stranger.send_json({"type": "join", "name": "x"})
        assert json.loads(stranger.receive_text())["type"] == "refused"
        with pytest.raises(ClosedError):
            stranger.receive_text()


def test_who_has_a_token_sees_it(app: Starlette) -> None:
    token = {"Authorization": "Bearer a-token"}
    assert ask(app, "GET", f"/api/v1/channels/{SECRET}", headers=token).json()["title"] == SECRET
    assert ask(app, "GET", f"/thumbnails/{SECRET}.jpg", headers=token).content == SECRET.encode()
    assert ask(app, "GET", f"/api/v1/channels/{SECRET}/chat", headers=ADMIN).status_code == 200
