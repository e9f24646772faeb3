"""``/api/v1/channels``, and the channels' thumbnails: of what is private nothing without a token."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from headrace.access.gate import UNAUTHORIZED
from headrace.web.credentials import viewer_credential
from headrace.web.gateway import BrokerDesk, GatewayRefusal, Thumbnails
from headrace.web.peer_host import peer_host
from headrace.web.problems import problem, refusal
from headrace.web.public_channels import PublicChannels, empty_view

THUMBNAIL_SECONDS = 5
"""A picture is not made anew more often."""


class ChannelRoutes:
    """Makes the routes.

    Args:
        desk: Says who may watch what.
        channels: What can be seen of them.
        thumbnails: Their pictures; None where none are made.
    """

    def __init__(self, desk: BrokerDesk, channels: PublicChannels, thumbnails: Thumbnails | None = None) -> None:
        self._desk = desk
        self._channels = channels
        self._thumbnails = thumbnails

    def routes(self) -> list[Route]:
        """Return them."""
        return [
            Route("/api/v1/channels", self._list),
            Route("/api/v1/channels/{channel}", self._show),
            Route("/thumbnails/{channel}.jpg", self._thumbnail),
        ]

    async def _list(self, _: Request) -> Response:
        return JSONResponse(await self._channels.listed(), headers={"Cache-Control": "no-store"})

    async def _show(self, request: Request) -> Response:
        channel_id = request.path_params["channel"]
        try:
            is_private = await self._check(request, channel_id)
        except GatewayRefusal as error:
            return refusal(error)
        view = await self._channels.find(channel_id) or empty_view(channel_id, is_private=is_private)
        return JSONResponse(view, headers={"Cache-Control": "no-store"})

    async def _check(self, request: Request, channel_id: str) -> bool:
        """Make sure that somebody may see a channel; return whether that takes a token."""
        host = peer_host(request)
        try:
            await self._desk.may_watch(channel_id, None, host)
        except GatewayRefusal as error:
            if error.code != UNAUTHORIZED:
                raise
        else:
            return False
        await self._desk.may_watch(channel_id, viewer_credential(request), host)
        return True

    async def _thumbnail(self, request: Request) -> Response:
        channel_id = request.path_params["channel"]
        try:
            is_private = await self._check(request, channel_id)
        except GatewayRefusal as error:
            return refusal(error)
        picture = None if self._thumbnails is None else await self._thumbnails.newest(channel_id)
        if picture is None:
            return problem(404, "there is no picture of this channel yet", headers={"Cache-Control": "no-store"})
        kept = "private" if is_private else "public"
        headers = {"Cache-Control": f"{kept}, max-age={THUMBNAIL_SECONDS}"}
        return Response(picture, media_type="image/jpeg", headers=headers)
