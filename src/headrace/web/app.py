"""The HTTP side of a broker as one ASGI application, put together from its parts."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount

from headrace.web.admin_gate import AdminGate
from headrace.web.api import API_PATH, make_api
from headrace.web.body_limit import BodyLimit
from headrace.web.channel_routes import ChannelRoutes
from headrace.web.chat import Chats
from headrace.web.chat_socket import ChatSocket
from headrace.web.cross_origin import CrossOrigin
from headrace.web.event_routes import EventRoutes
from headrace.web.gateway import BrokerDesk, MediaGateway, StateAccess, Thumbnails
from headrace.web.health import health_routes
from headrace.web.http_limits import HostLimits, RequestLimits
from headrace.web.layer_routes import LayerRoutes
from headrace.web.metric_routes import metric_route
from headrace.web.metrics import WebFigures
from headrace.web.page_routes import page_routes
from headrace.web.problems import problem
from headrace.web.public_channels import PublicChannels
from headrace.web.safe_headers import SafeHeaders
from headrace.web.session_routes import SessionRoutes


@dataclass(frozen=True, slots=True)
class WebParts:
    """What the application stands on.

    Attributes:
        desk: Tells what the broker does.
        state: What it keeps.
        chats: What is said in its channels.
        gate: Knows the admin token.
        is_ready: Whether the broker knows who may do what.
        now_us: Tells the time.
        gateway: Opens sessions of WebRTC; None where there is no WebRTC.
        thumbnails: Makes pictures; None where none are made.
    """

    desk: BrokerDesk
    state: StateAccess
    chats: Chats
    gate: AdminGate
    is_ready: Callable[[], bool]
    now_us: Callable[[], int]
    gateway: MediaGateway | None = None
    thumbnails: Thumbnails | None = None


def make_app(parts: WebParts) -> Starlette:
    """Return the application."""
    describe = None if parts.thumbnails is None else parts.thumbnails.describe
    channels, limits = PublicChannels(parts.desk, parts.now_us, describe), HostLimits()
    events = EventRoutes(parts.desk, channels, parts.gate)

    def figures() -> WebFigures:
        return WebFigures(
            limits.counts["requests"],
            limits.counts["refused"],
            parts.chats.member_count,
            parts.chats.lines_said,
            events.listeners,
        )

    routes: list[BaseRoute] = [
        *health_routes(parts.is_ready),
        *ChannelRoutes(parts.desk, channels, parts.thumbnails).routes(),
        events.route(),
        ChatSocket(parts.desk, parts.chats, parts.gate).route(),
        metric_route(channels, parts.gate, figures),
        *page_routes(),
    ]
    if parts.gateway is not None:
        routes += SessionRoutes(parts.gateway).routes() + LayerRoutes(parts.gateway).routes()
    # The last: what is asked often is answered before it comes here.
    routes.append(Mount(API_PATH, make_api(parts.desk, parts.state, parts.gate, parts.chats, parts.gateway)))
    return Starlette(
        routes=routes,
        middleware=[
            Middleware(SafeHeaders),
            Middleware(CrossOrigin),
            Middleware(RequestLimits, limits=limits, now_us=parts.now_us),
            Middleware(BodyLimit),
        ],
        exception_handlers={HTTPException: _not_here, Exception: _fault},
    )


async def _not_here(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = "there is nothing here: look at the address" if error.status_code == 404 else error.detail
    return problem(error.status_code, detail, headers=error.headers)


async def _fault(_: Request, error: Exception) -> Response:  # noqa: ARG001 - the server logs it
    return problem(500, "the broker met a fault, which its log tells: try again")
