"""Which layer a viewer gets."""

import asyncio
from typing import Any

import pytest
from starlette.applications import Starlette
from tests.support.web_client import GatewayStandIn, ask

from headrace.web import layer_routes
from headrace.web.event_routes import MAX_LISTENERS
from headrace.web.gateway import SessionLayers
from headrace.web.layer_routes import LayerRoutes, layer_links

SESSION = "/whep/1AAA99/s3ss10n"
JSON = {"Content-Type": "application/json"}


def layer(rid: str, width: int | None, *, is_alive: bool = True) -> dict[str, Any]:
    height = None if width is None else width * 9 // 16
    facts = {"rid": rid, "width": width, "height": height, "bitrate_bps": 1_000}
    return {**facts, "is_alive": is_alive, "is_best": rid == "h"}


@pytest.fixture
def gateway() -> GatewayStandIn:
    known = GatewayStandIn()
    known.layers_of_session = SessionLayers((layer("h", 1280), layer("l", 320, is_alive=False)), "h", None)
    return known


@pytest.fixture
def app(gateway: GatewayStandIn) -> Starlette:
    return Starlette(routes=list(LayerRoutes(gateway).routes()))


def test_the_layers_are_told_under_both_of_their_names_and_one_that_does_not_come_has_no_rate(
    app: Starlette,
) -> None:
    answer = ask(app, "GET", f"{SESSION}/layer")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {
        "layers": [
            {"rid": "h", "encodingId": "h", "width": 1280, "height": 720, "bitrate": 1_000},
            {"rid": "l", "encodingId": "l", "width": 320, "height": 180, "bitrate": 0},
        ],
        "current": "h",
        "wanted": None,
    }


@pytest.mark.parametrize(
    ("body", "rid"),
    [
        ('{"mediaId": "0", "rid": "l"}', "l"),
        ('{"mediaId": "1", "encodingId": "l"}', "l"),
        ('{"mediaId": "0"}', None),
        ('{"rid": ""}', None),
        ('{"encodingId": null}', None),
    ],
)
def test_a_layer_is_chosen_by_either_name_and_without_one_the_broker_chooses(
    app: Starlette, gateway: GatewayStandIn, body: str, rid: str | None
) -> None:
    assert ask(app, "POST", f"{SESSION}/layer", headers=JSON, content=body).status_code == 200
    assert gateway.asked == [("layer", "s3ss10n", rid)]


@pytest.mark.parametrize(
    "body", ["", "x", "[]", "7", '"h"', '{"rid": 7}', '{"rid": ["h"]}', "[" * 20_000, b"\xff"]
)
def test_what_is_no_choice_is_told_what_one_is(app: Starlette, gateway: GatewayStandIn, body: str | bytes) -> None:
    answer = ask(app, "POST", f"{SESSION}/layer", headers=JSON, content=body)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert gateway.asked == []


def test_what_there_is_not_is_not_found(app: Starlette) -> None:
    for method, path in (("GET", "layer"), ("POST", "layer"), ("GET", "events"), ("POST", "events")):
        answer = ask(app, method, f"/whep/1AAA99/other/{path}", headers=JSON, content='{"rid": "l"}')
        assert answer.status_code == 404
    assert ask(app, "POST", f"{SESSION}/layer", headers=JSON, content='{"rid": "x"}').status_code == 404


def test_methods_and_types_are_told(app: Starlette) -> None:
    for path in ("layer", "events"):
        assert ask(app, "OPTIONS", f"{SESSION}/{path}").headers["allow"] == "GET, POST, OPTIONS"
        assert ask(app, "DELETE", f"{SESSION}/{path}").headers["allow"] == "GET, POST, OPTIONS"
    answer = ask(app, "POST", f"{SESSION}/layer", headers={"Content-Type": "text/plain"}, content="{}")
    assert (answer.status_code, answer.headers["accept-post"]) == (415, "application/json")


def test_who_asks_for_events_is_told_where_they_are(app: Starlette) -> None:
    answer = ask(app, "POST", f"{SESSION}/events", headers=JSON, content='["layers"]')
    assert (answer.status_code, answer.headers["location"]) == (201, f"{SESSION}/events")
    assert layer_links(SESSION).count(SESSION) == 2


def test_where_events_are_is_told_whatever_stands_for_the_channel(app: Starlette) -> None:
    answer = ask(app, "POST", "/whep/%E6%97%A5%0d%0aX: y/s3ss10n/events", headers=JSON, content="[]")
    assert answer.status_code == 201
    assert answer.headers["location"] == "/whep/%E6%97%A5%0D%0AX%3A%20y/s3ss10n/events"


def test_events_tell_of_the_layers_when_they_change_until_the_session_ends(
    gateway: GatewayStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layer_routes, "LOOK_SECONDS", 0)
    routes = LayerRoutes(gateway)

    async def run() -> list[str]:
        heard = []
        async for text in routes._stream("s3ss10n", gateway.layers_of_session):
            assert routes.listeners == 1
            heard.append(text)
            if len(heard) == 1:
                gateway.layers_of_session = SessionLayers((layer("h", 640),), "h", None)
            else:
                gateway.SESSION = "over"
        return heard

    heard = asyncio.run(run())
    assert [text.split("\n")[0] for text in heard] == ["event: layers"] * 2
    assert '{"0":{"layers":[{"rid":"h","encodingId":"h","width":1280' in heard[0]
    assert '"width":640' in heard[1]
    assert routes.listeners == 0


def test_too_many_who_listen_are_told_to_ask_instead(gateway: GatewayStandIn) -> None:
    routes = LayerRoutes(gateway)
    routes.listeners = MAX_LISTENERS
    answer = ask(Starlette(routes=list(routes.routes())), "GET", f"{SESSION}/events")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
