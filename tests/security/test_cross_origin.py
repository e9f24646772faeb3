"""What a page of another origin can do to a broker through the browser of somebody who visits it.

mediamtx (#5975) answered every origin with ``Access-Control-Allow-Credentials``, so that a page could use the
password that a visitor's browser kept for the server. Here nothing goes by what a browser keeps: no cookie is set,
no ``WWW-Authenticate: Basic`` asks for a password, and no answer allows credentials.

Source: mediamtx #5975; Fetch, 3.2.
"""

import pytest
from starlette.applications import Starlette
from tests.support.web_client import ADMIN, DeskStandIn, GatewayStandIn, ask, web_parts

from headrace.access.channel_rule import Visibility
from headrace.web.app import make_app

EVIL = "https://evil.example"
OPEN = (
    "/whep/A", "/whip/A", "/whip", "/whep/A/s3ss10n", "/api/v1/channels", "/api/v1/channels/A",
    "/thumbnails/A.jpg",
)  # fmt: skip
ADMINS = (
    "/api/v1/status", "/api/v1/keys", "/api/v1/keys/A/1", "/api/v1/tokens", "/api/v1/channel-records",
    "/api/v1/channels/A/chat", "/api/v1/channels/A/chat/1", "/api/v1/channels/A/muted/x",
    "/api/v1/producers/00000002", "/api/v1/sessions/s3ss10n", "/metrics", "/operate", "/",
)  # fmt: skip
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@pytest.fixture
def app() -> Starlette:
    desk = DeskStandIn()
    desk.add("A")
    desk.add("secret", Visibility.PRIVATE)
    return make_app(web_parts(desk, gateway=GatewayStandIn()))


@pytest.mark.parametrize("path", [*OPEN, *ADMINS])
def test_5975_no_answer_lets_a_page_of_another_origin_use_what_a_browser_keeps(app: Starlette, path: str) -> None:
    for method in METHODS:
        for headers in (
            {"Origin": EVIL},
            {"Origin": "null"},
            {"Origin": EVIL, "Access-Control-Request-Method": method},
        ):
            answer = ask(app, method, path, headers=headers)
            assert "access-control-allow-credentials" not in answer.headers
            assert "set-cookie" not in answer.headers
            assert not answer.headers.get("www-authenticate", "").lower().startswith(("basic", "digest"))
            # An origin that is named would be one that is trusted.
            assert answer.headers.get("access-control-allow-origin", "*") == "*"


@pytest.mark.parametrize("path", ADMINS)
def test_nothing_that_is_the_admins_can_be_read_by_a_page_of_another_origin(app: Starlette, path: str) -> None:
    for method in METHODS:
        for more in ({}, ADMIN, {"Access-Control-Request-Method": method}):
            answer = ask(app, method, path, headers={"Origin": EVIL, **more}, content=b"{}")
            assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_what_a_browser_sends_by_itself_opens_nothing(app: Starlette) -> None:
    kept = {"Cookie": "admin=1; token=a-token", "Authorization": "Basic YWRtaW46YWRtaW4="}
    assert ask(app, "GET", "/api/v1/status", headers=kept).status_code == 401
    assert ask(app, "GET", "/api/v1/channels/secret", headers=kept).status_code == 401
