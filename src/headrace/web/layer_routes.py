"""Which simulcast layer a viewer gets: what there are, a choice, and the events that tell of them.

Source: draft-ietf-wish-whep, "Video Layer Selection extension" and "Server Sent Events extension". A layer's name
is ``rid`` in its newest version and ``encodingId`` in those before, which players know: both are told and taken.
"""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from headrace.web.event_routes import ALIVE_SECONDS, LOOK_SECONDS, MAX_LISTENERS, encode_event, event_stream
from headrace.web.gateway import GatewayRefusal, MediaGateway, SessionLayers
from headrace.web.problems import problem
from headrace.web.session_requests import Guarded, media_type, not_allowed, wrong_type

LAYER_REL: Final = "urn:ietf:params:whep:ext:core:layer"
EVENTS_REL: Final = "urn:ietf:params:whep:ext:core:server-sent-events"
JSON_TYPE: Final = "application/json"
ALIVE_LOOKS: Final = round(ALIVE_SECONDS / LOOK_SECONDS)
_PATH: Final = "/whep/{channel}/{session}"
_MEDIA_ID: Final = "0"
"""There is one picture."""


def layer_links(location: str) -> str:
    """Return what stands in the ``Link`` header of a session's answer."""
    return f'<{location}/layer>; rel="{LAYER_REL}", <{location}/events>; rel="{EVENTS_REL}"; events="layers"'


class LayerRoutes:
    """Makes the routes.

    Args:
        gateway: Knows the layers.

    Attributes:
        listeners: How many hear of them.
    """

    def __init__(self, gateway: MediaGateway) -> None:
        self._gateway = gateway
        self.listeners = 0

    def routes(self) -> list[Route]:
        """Return them."""
        answered = {f"{_PATH}/layer": self._layer, f"{_PATH}/events": self._events}
        return [Route(path, Guarded(handler)) for path, handler in answered.items()]

    async def _layer(self, request: Request) -> Response:
        session_id = request.path_params["session"]
        match request.method:
            case "OPTIONS":
                return Response(status_code=204, headers={"Allow": "GET, POST, OPTIONS", "Accept-Post": JSON_TYPE})
            case "GET":
                known = await self._gateway.layers(session_id)
                answer = {"layers": _described(known), "current": known.current, "wanted": known.wanted}
                return JSONResponse(answer, headers={"Cache-Control": "no-store"})
            case "POST":
                return await self._choose(request, session_id)
        return not_allowed("GET, POST, OPTIONS", "layers are read by GET and chosen by POST")

    async def _choose(self, request: Request, session_id: str) -> Response:
        if media_type(request) != JSON_TYPE:
            return wrong_type(JSON_TYPE, {"Accept-Post": JSON_TYPE})
        try:
            wanted = json.loads((await request.body()).decode())
        except (ValueError, RecursionError):
            return problem(400, "the body is no JSON")
        rid = (wanted.get("rid") or wanted.get("encodingId")) if isinstance(wanted, dict) else 0
        if not (rid is None or isinstance(rid, str)):
            return problem(400, 'send {"mediaId": "0", "rid": NAME}, and without the rid to have the layer chosen')
        await self._gateway.choose_layer(session_id, rid or None)
        return Response(status_code=200)

    async def _events(self, request: Request) -> Response:
        session_id = request.path_params["session"]
        if request.method == "OPTIONS":
            return Response(status_code=204, headers={"Allow": "GET, POST, OPTIONS", "Accept-Post": JSON_TYPE})
        if request.method not in {"GET", "POST"}:
            return not_allowed("GET, POST, OPTIONS", "events are heard by GET")
        known = await self._gateway.layers(session_id)
        if request.method == "POST":
            # There is one kind of event, and one stream for all who ask.
            return Response(status_code=201, headers={"Location": quote(request.scope["path"])})
        if self.listeners >= MAX_LISTENERS:
            return problem(503, "too many listen: ask for the layers instead", headers={"Retry-After": "60"})
        return event_stream(self._stream(session_id, known))

    async def _stream(self, session_id: str, known: SessionLayers) -> AsyncGenerator[str, None]:
        """Give the layers whenever other ones come, until the session has ended."""
        self.listeners += 1
        before: object = None
        looks = 0
        try:
            while True:
                now = [(one["rid"], one["width"], one["is_alive"]) for one in known.layers]
                if now != before:
                    yield encode_event("layers", {_MEDIA_ID: {"layers": _described(known)}})
                elif looks % ALIVE_LOOKS == 0:
                    yield ": alive\n\n"
                before = now
                looks += 1
                await asyncio.sleep(LOOK_SECONDS)
                known = await self._gateway.layers(session_id)
        except GatewayRefusal:
            return
        finally:
            self.listeners -= 1


def _described(known: SessionLayers) -> list[dict[str, Any]]:
    return [
        {
            "rid": one["rid"],
            "encodingId": one["rid"],
            "width": one["width"],
            "height": one["height"],
            "bitrate": one["bitrate_bps"] if one["is_alive"] else 0,
        }
        for one in known.layers
    ]
