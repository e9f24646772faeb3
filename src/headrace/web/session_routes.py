"""WHEP and WHIP: sessions of WebRTC, opened by an exchange of SDP.

Source: RFC 9725 (WHIP); draft-ietf-wish-whep, 4 (WHEP); RFC 8840, 9 (trickle ICE fragments).
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Literal

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from headrace.web.credentials import viewer_credential
from headrace.web.gateway import GatewayRefusal, MediaGateway, SessionAnswer, StaleEtagError
from headrace.web.peer_host import peer_host
from headrace.web.problems import problem, refusal

OFFER_TYPE: Final = "application/sdp"
FRAGMENT_TYPE: Final = "application/trickle-ice-sdpfrag"

ALL_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
"""All that may come: who sends a wrong one is told which are right."""

Handler = Callable[[Request], Awaitable[Response]]


class SessionRoutes:
    """Makes the routes.

    Args:
        gateway: Does what is asked for.
        ice_servers: What stands in ``Link`` headers: ``stun:HOST:PORT``, or such.
    """

    def __init__(self, gateway: MediaGateway, ice_servers: Sequence[str] = ()) -> None:
        self._gateway = gateway
        self._links = ", ".join(f'<{url}>; rel="ice-server"' for url in ice_servers)

    def routes(self) -> list[Route]:
        """Return them."""
        answered = {
            "/whep/{channel}": self._whep,
            "/whip/{channel}": self._whip,
            "/whip": self._whip,
            "/whep/{channel}/{session}": self._session,
            "/whip/{channel}/{session}": self._session,
        }
        return [Route(path, _guarded(handler), methods=ALL_METHODS) for path, handler in answered.items()]

    async def _whep(self, request: Request) -> Response:
        return await self._endpoint(request, "whep")

    async def _whip(self, request: Request) -> Response:
        return await self._endpoint(request, "whip")

    async def _endpoint(self, request: Request, kind: Literal["whep", "whip"]) -> Response:
        if request.method == "OPTIONS":
            return self._options("POST, OPTIONS", {"Accept-Post": OFFER_TYPE})
        if request.method != "POST":
            return _not_allowed("POST, OPTIONS", f"send the SDP offer by POST as {OFFER_TYPE}")
        if _media_type(request) != OFFER_TYPE:
            return _wrong_type(OFFER_TYPE, {"Accept-Post": OFFER_TYPE})
        offer = (await request.body()).decode()
        channel_id = request.path_params.get("channel")
        credential, host = viewer_credential(request), peer_host(request)
        if kind == "whep":
            answer = await self._gateway.watch(channel_id or "", offer, credential, host)
        else:
            answer = await self._gateway.produce(channel_id, offer, credential, host)
        return self._created(answer, f"/{kind}/{channel_id or '-'}/{answer.session_id}")

    def _created(self, answer: SessionAnswer, location: str) -> Response:
        headers = {
            "Location": location,
            "ETag": f'"{answer.etag}"',
            "Accept-Patch": FRAGMENT_TYPE,
            "Cache-Control": "no-store",
        }
        if self._links:
            headers["Link"] = self._links
        return Response(answer.sdp, 201, headers, OFFER_TYPE)

    def _options(self, methods: str, headers: dict[str, str]) -> Response:
        if self._links:
            headers["Link"] = self._links
        return Response(status_code=204, headers={"Allow": methods, **headers})

    async def _session(self, request: Request) -> Response:
        match request.method:
            case "OPTIONS":
                return self._options("PATCH, DELETE, OPTIONS", {"Accept-Patch": FRAGMENT_TYPE})
            case "DELETE":
                await self._gateway.end(request.path_params["session"])
                return Response(status_code=200)
            case "PATCH":
                return await self._patch(request)
        return _not_allowed("PATCH, DELETE, OPTIONS", "a session is changed by PATCH and ended by DELETE")

    async def _patch(self, request: Request) -> Response:
        if _media_type(request) != FRAGMENT_TYPE:
            return _wrong_type(FRAGMENT_TYPE, {"Accept-Patch": FRAGMENT_TYPE})
        wanted = request.headers.get("if-match")
        if wanted is None:
            return problem(
                428, "say which state of the session is meant: If-Match with its newest ETag, or with *"
            )
        # RFC 9725, 4.3.1: "*" restarts ICE whatever was before.
        etag = None if wanted.strip() == "*" else wanted.strip().strip('"')
        fragment = (await request.body()).decode()
        answer = await self._gateway.patch(request.path_params["session"], fragment, etag)
        headers = {"ETag": f'"{answer.etag}"'}
        if answer.fragment is None:
            return Response(status_code=204, headers=headers)
        return Response(answer.fragment, 200, headers, FRAGMENT_TYPE)


def _guarded(handler: Handler) -> Handler:
    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except GatewayRefusal as error:
            return refusal(error)
        except UnicodeDecodeError:
            return problem(400, "the body is no UTF-8 text")
        except StaleEtagError:
            return problem(412, "the session has another ETag by now: send If-Match with that, or with *")

    return answer


def _not_allowed(methods: str, detail: str) -> Response:
    return problem(405, detail, headers={"Allow": methods})


def _wrong_type(wanted: str, headers: dict[str, str]) -> Response:
    return problem(415, f"the body is to be {wanted}: say so in Content-Type", headers=headers)


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
