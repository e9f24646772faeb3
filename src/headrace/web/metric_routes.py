"""``/metrics``."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from headrace.web.admin_gate import AdminGate
from headrace.web.credentials import bearer_credential
from headrace.web.metrics import CONTENT_TYPE, WebFigures, render_metrics
from headrace.web.public_channels import PublicChannels


def metric_route(channels: PublicChannels, gate: AdminGate, figures: Callable[[], WebFigures]) -> Route:
    """Return the route.

    Args:
        channels: Has the broker's status.
        gate: Knows who may see single channels.
        figures: Tells what the HTTP side does.
    """

    async def metrics(request: Request) -> Response:
        is_admin = False
        if bearer_credential(request) is not None:
            if (refusal := await gate.refusal(request)) is not None:
                return refusal
            is_admin = True
        text = render_metrics(await channels.status(), figures(), with_channels=is_admin)
        return Response(text, headers={"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"})

    return Route("/metrics", metrics)
