"""The API of what the broker does now."""

import pytest
from starlette.applications import Starlette
from tests.support.web_client import ADMIN, DeskStandIn, GatewayStandIn, ask, web_parts

from headrace.web.app import make_app


@pytest.fixture
def desk() -> DeskStandIn:
    found = DeskStandIn()
    found.add("A", producer={"address": "192.0.2.9:5"})
    return found


@pytest.fixture
def gateway() -> GatewayStandIn:
    return GatewayStandIn()


@pytest.fixture
def app(desk: DeskStandIn, gateway: GatewayStandIn) -> Starlette:
    return make_app(web_parts(desk, gateway=gateway))


def test_the_status_is_that_of_the_command(app: Starlette, desk: DeskStandIn) -> None:
    document = ask(app, "GET", "/api/v1/status", headers=ADMIN).json()
    assert document["channels"] == desk.channels
    assert document["asked"] is None
    assert ask(app, "GET", "/api/v1/status?subscribers_of=A", headers=ADMIN).json()["asked"] == "A"
    assert ask(app, "GET", "/api/v1/status?subscribers_of=*", headers=ADMIN).json()["asked"] == "*"
    assert ask(app, "GET", "/api/v1/status?subscribers_of=../x", headers=ADMIN).status_code == 422


@pytest.mark.parametrize("kind", ["producers", "subscribers"])
def test_who_is_there_is_sent_away_and_who_is_not_is_said_not_to_be(
    app: Starlette, desk: DeskStandIn, kind: str
) -> None:
    assert ask(app, "DELETE", f"/api/v1/{kind}/40a1b2c2", headers=ADMIN).status_code == 204
    assert ask(app, "DELETE", f"/api/v1/{kind}/40a1b2c3", headers=ADMIN).status_code == 404
    assert desk.kicked == [0x40A1B2C2, 0x40A1B2C3]
    for wrong in ("1", "40A1B2C2", "-0000001", "zzzzzzzz", "000000002"):
        assert ask(app, "DELETE", f"/api/v1/{kind}/{wrong}", headers=ADMIN).status_code == 422


def test_sessions_are_ended(app: Starlette, gateway: GatewayStandIn) -> None:
    assert ask(app, "DELETE", "/api/v1/sessions/s3ss10n", headers=ADMIN).status_code == 204
    assert gateway.asked == [("end", "s3ss10n")]
    assert ask(app, "DELETE", "/api/v1/sessions/other", headers=ADMIN).status_code == 404
    assert ask(make_app(web_parts()), "DELETE", "/api/v1/sessions/s3ss10n", headers=ADMIN).status_code == 404
