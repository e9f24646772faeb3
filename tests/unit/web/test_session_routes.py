"""WHEP and WHIP."""

import pytest
from starlette.applications import Starlette
from tests.support.web_client import HOST, GatewayStandIn, ask

from headrace.web.gateway import GatewayRefusal
from headrace.web.session_routes import SessionRoutes

SDP = {"Content-Type": "application/sdp", "Authorization": "Bearer k"}
FRAGMENT = {"Content-Type": "application/trickle-ice-sdpfrag"}
SESSION = "/whep/1AAA99/s3ss10n"


@pytest.fixture
def gateway() -> GatewayStandIn:
    return GatewayStandIn()


@pytest.fixture
def app(gateway: GatewayStandIn) -> Starlette:
    return Starlette(routes=list(SessionRoutes(gateway).routes()))


def test_an_offer_to_watch_gets_an_answer_and_a_session(app: Starlette, gateway: GatewayStandIn) -> None:
    answer = ask(app, "POST", "/whep/1AAA99", headers=SDP, content="v=0 offer")
    assert (answer.status_code, answer.text) == (201, "v=0 answer")
    assert answer.headers["content-type"] == "application/sdp"
    assert answer.headers["location"] == SESSION
    assert answer.headers["etag"] == '"one"'
    assert answer.headers["accept-patch"] == "application/trickle-ice-sdpfrag"
    assert answer.headers["link"].split(", ") == [
        f'<{SESSION}/layer>; rel="urn:ietf:params:whep:ext:core:layer"',
        f'<{SESSION}/events>; rel="urn:ietf:params:whep:ext:core:server-sent-events"; events="layers"',
    ]
    assert gateway.asked == [("watch", "1AAA99", "v=0 offer", "k", HOST)]


def test_an_offer_to_produce_may_leave_the_channel_to_its_key(app: Starlette, gateway: GatewayStandIn) -> None:
    assert ask(app, "POST", "/whip/1AAA99", headers=SDP, content="x").headers["location"] == "/whip/1AAA99/s3ss10n"
    answer = ask(app, "POST", "/whip", headers=SDP, content="x")
    location = answer.headers["location"]
    assert location == "/whip/-/s3ss10n"
    assert "link" not in answer.headers
    assert [asked[:2] for asked in gateway.asked] == [("produce", "1AAA99"), ("produce", None)]
    assert ask(app, "DELETE", location).status_code == 200


def test_a_token_may_stand_in_the_address(app: Starlette, gateway: GatewayStandIn) -> None:
    ask(app, "POST", "/whep/a?token=t", headers={"Content-Type": "application/sdp"}, content="x")
    assert gateway.asked[0][3] == "t"


@pytest.mark.parametrize("path", ["/whep/a", "/whip/a", "/whip"])
def test_what_is_no_offer_is_told_what_one_is(app: Starlette, gateway: GatewayStandIn, path: str) -> None:
    answer = ask(app, "POST", path, headers={"Content-Type": "application/json"}, content="{}")
    assert (answer.status_code, answer.headers["accept-post"]) == (415, "application/sdp")
    assert ask(app, "POST", path, headers=SDP, content=b"\xff\xfe").status_code == 400
    for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"):
        answer = ask(app, method, path)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST, OPTIONS")
        assert answer.headers["content-type"] == "application/problem+json"
    assert gateway.asked == []


@pytest.mark.parametrize("path", ["/whep/a", "/whip/a", "/whip"])
def test_what_can_be_sent_is_told(app: Starlette, path: str) -> None:
    answer = ask(app, "OPTIONS", path)
    assert (answer.status_code, answer.headers["accept-post"]) == (204, "application/sdp")
    assert ask(app, "OPTIONS", SESSION).headers["accept-patch"] == "application/trickle-ice-sdpfrag"


def test_a_refusal_has_its_status(app: Starlette, gateway: GatewayStandIn) -> None:
    gateway.refusal = GatewayRefusal(2409, "the channel has a live producer")
    answer = ask(app, "POST", "/whip/a", headers=SDP, content="x")
    assert (answer.status_code, answer.json()["code"]) == (409, 2409)


def test_candidates_are_taken_with_the_newest_etag_alone(app: Starlette, gateway: GatewayStandIn) -> None:
    answer = ask(app, "PATCH", SESSION, headers={**FRAGMENT, "If-Match": '"one"'}, content="a=candidate")
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (204, b"", '"one"')
    assert gateway.asked == [("patch", "s3ss10n", "a=candidate", {"one"})]
    assert ask(app, "PATCH", SESSION, headers={**FRAGMENT, "If-Match": '"old"'}, content="x").status_code == 412
    assert ask(app, "PATCH", SESSION, headers={**FRAGMENT, "If-Match": 'W/"one"'}, content="x").status_code == 412
    assert ask(app, "PATCH", SESSION, headers=FRAGMENT, content="x").status_code == 428


def test_candidates_are_taken_where_one_of_several_etags_is_the_newest(app: Starlette) -> None:
    answer = ask(app, "PATCH", SESSION, headers={**FRAGMENT, "If-Match": '"old", "one"'}, content="x")
    assert (answer.status_code, answer.headers["etag"]) == (204, '"one"')


def test_ice_is_restarted_whatever_was_before(app: Starlette) -> None:
    answer = ask(app, "PATCH", SESSION, headers={**FRAGMENT, "If-Match": "*"}, content="a=ice-ufrag:x")
    assert (answer.status_code, answer.headers["etag"]) == (200, '"two"')
    assert (answer.headers["content-type"], answer.text) == (FRAGMENT["Content-Type"], "a=ice-ufrag:new")


def test_what_is_no_fragment_is_told_what_one_is(app: Starlette) -> None:
    answer = ask(app, "PATCH", SESSION, headers={"If-Match": "*", "Content-Type": "application/sdp"}, content="x")
    assert (answer.status_code, answer.headers["accept-patch"]) == (415, FRAGMENT["Content-Type"])
    for method in ("GET", "POST", "PUT", "TRACE", "PROPFIND"):
        answer = ask(app, method, SESSION)
        assert (answer.status_code, answer.headers["allow"]) == (405, "PATCH, DELETE, OPTIONS")


def test_a_session_is_ended_once_and_one_that_is_not_there_is_not(app: Starlette, gateway: GatewayStandIn) -> None:
    assert ask(app, "DELETE", SESSION).status_code == 200
    assert gateway.asked == [("end", "s3ss10n")]
    for method in ("DELETE", "PATCH"):
        answer = ask(app, method, "/whep/a/other", headers={**FRAGMENT, "If-Match": "*"}, content="x")
        assert answer.status_code == 404
