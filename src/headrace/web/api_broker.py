"""The API of what the broker does now: its status, and whom it sends away."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from starlette.exceptions import HTTPException
from starlette.responses import Response

from headrace.base.channel_id import MAX_CHANNEL_ID_CHARACTERS
from headrace.web.api_errors import responses
from headrace.web.api_models import SocketId, Status
from headrace.web.gateway import BrokerDesk, MediaGateway

SubscribersOf = Annotated[
    str | None,
    Query(
        max_length=MAX_CHANNEL_ID_CHARACTERS,
        description="Id of the channel whose subscribers are wanted; * for all.",
        pattern=r"^(\*|[A-Za-z0-9][A-Za-z0-9._~\-]*)$",
    ),
]
SessionId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_\-]{1,128}$")]


def broker_router(desk: BrokerDesk, gateway: MediaGateway | None) -> APIRouter:
    """Return the routes.

    Args:
        desk: Tells what the broker does.
        gateway: Ends sessions of WebRTC; None where there is no WebRTC.
    """
    router = APIRouter(tags=["broker"])

    @router.get("/status", response_model=Status, responses=responses(503))
    async def status(subscribers_of: SubscribersOf = None) -> dict[str, Any]:
        """Return what ``headrace status --json`` prints."""
        return await desk.status(subscribers_of)

    async def kick(socket_id: str) -> Response:
        if not await desk.kick(int(socket_id, 16)):
            raise HTTPException(404, "there is nobody with this socket id: it may have gone")
        return Response(status_code=204)

    @router.delete("/producers/{socket_id}", status_code=204, responses=responses(404))
    async def send_producer_away(socket_id: SocketId) -> Response:
        """Send a producer away; it may come back."""
        return await kick(socket_id)

    @router.delete("/subscribers/{socket_id}", status_code=204, responses=responses(404))
    async def send_subscriber_away(socket_id: SocketId) -> Response:
        """Send a subscriber away; it may come back."""
        return await kick(socket_id)

    @router.delete("/sessions/{session_id}", status_code=204, responses=responses(404))
    async def end_session(session_id: SessionId) -> Response:
        """End a browser's session; it may come back."""
        if gateway is None:
            raise HTTPException(404, "there are no sessions: this broker has no WebRTC")
        await gateway.end(session_id)
        return Response(status_code=204)

    return router
