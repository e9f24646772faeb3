"""WHEP and WHIP: sessions of WebRTC, opened by an exchange of SDP.

Source: RFC 9725 (WHIP); draft-ietf-wish-whep, 4 (WHEP); RFC 8840, 9 (trickle ICE fragments).
"""

from typing import Final, Literal

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from headrace.web.credentials import viewer_credential
from headrace.web.gateway import MediaGateway, SessionAnswer
from headrace.web.layer_routes import layer_links
from headrace.web.peer_host import peer_host
from headrace.web.problems import problem
from headrace.web.session_requests import Guarded, matched_etags, media_type, not_allowed, wrong_type

OFFER_TYPE: Final = "application/sdp"
FRAGMENT_TYPE: Final = "application/trickle-ice-sdpfrag"


class SessionRoutes:
    """Makes the routes.

    Args:
        gateway: Does what is asked for.
    """

    def __init__(self, gateway: MediaGateway) -> None:
        self._gateway = gateway

    def routes(self) -> list[Route]:
        """Return them."""
        answered = {
            "/whep/{channel}": self._whep,
            "/whip/{channel}": self._whip,
            "/whip": self._whip,
            "/whep/{channel}/{session}": self._session,
            "/whip/{channel}/{session}": self._session,
        }
        return [Route(path, Guarded(handler)) for path, handler in answered.items()]

    async def _whep(self, request: Request) -> Response:
        return await self._endpoint(request, "whep")

    async def _whip(self, request: Request) -> Response:
        return await self._endpoint(request, "whip")

    async def _endpoint(self, request: Request, kind: Literal["whep", "whip"]) -> Response:
        if request.method == "OPTIONS":
            return _options("POST, OPTIONS", {"Accept-Post": OFFER_TYPE})
        if request.method != "POST":
            return not_allowed("POST, OPTIONS", f"send the SDP offer by POST as {OFFER_TYPE}")
        if media_type(request) != OFFER_TYPE:
            return wrong_type(OFFER_TYPE, {"Accept-Post": OFFER_TYPE})
        offer = (await request.body()).decode()
        channel_id = request.path_params.get("channel")
        credential, host = viewer_credential(request), peer_host(request)
        if kind == "whep":
            answer = await self._gateway.watch(channel_id or "", offer, credential, host)
        else:
            answer = await self._gateway.produce(channel_id, offer, credential, host)
        location = f"/{kind}/{channel_id or '-'}/{answer.session_id}"
        return self._created(answer, location, layer_links(location) if kind == "whep" else "")

    def _created(self, answer: SessionAnswer, location: str, layer_links: str) -> Response:
        headers = {
            "Location": location,
            "ETag": f'"{answer.etag}"',
            "Accept-Patch": FRAGMENT_TYPE,
            "Cache-Control": "no-store",
        }
        if layer_links:
            headers["Link"] = layer_links
        return Response(answer.sdp, 201, headers, OFFER_TYPE)

    async def _session(self, request: Request) -> Response:
        match request.method:
            case "OPTIONS":
                return _options("PATCH, DELETE, OPTIONS", {"Accept-Patch": FRAGMENT_TYPE})
            case "DELETE":
                await self._gateway.end(request.path_params["session"])
                return Response(status_code=200)
            case "PATCH":
                return await self._patch(request)
        return not_allowed("PATCH, DELETE, OPTIONS", "a session is changed by PATCH and ended by DELETE")

    async def _patch(self, request: Request) -> Response:
        if media_type(request) != FRAGMENT_TYPE:
            return wrong_type(FRAGMENT_TYPE, {"Accept-Patch": FRAGMENT_TYPE})
        if "if-match" not in request.headers:
            return problem(
                428, "say which state of the session is meant: If-Match with its newest ETag, or with *"
            )
        fragment = (await request.body()).decode()
        # RFC 9725, 4.3.1: "*" restarts ICE whatever was before.
        answer = await self._gateway.patch(request.path_params["session"], fragment, matched_etags(request))
        headers = {"ETag": f'"{answer.etag}"'}
        if answer.fragment is None:
            return Response(status_code=204, headers=headers)
        return Response(answer.fragment, 200, headers, FRAGMENT_TYPE)


def _options(methods: str, headers: dict[str, str]) -> Response:
    return Response(status_code=204, headers={"Allow": methods, **headers})
