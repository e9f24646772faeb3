"""The API of chats, for who keeps order in them."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.exceptions import HTTPException
from starlette.responses import Response

from headrace.web.api_errors import responses
from headrace.web.api_models import ChannelId, ChatView
from headrace.web.chat import Chats
from headrace.web.chat_room import line_facts
from headrace.web.chat_rules import MAX_NAME_CHARACTERS
from headrace.web.gateway import BrokerDesk

MAX_LINE_ID = 2**53 - 1

LineId = Annotated[int, Path(ge=1, le=MAX_LINE_ID)]
Name = Annotated[str, Path(min_length=1, max_length=MAX_NAME_CHARACTERS, pattern=r"^[^\x00-\x1f\x7f/]+$")]


def chat_router(desk: BrokerDesk, chats: Chats) -> APIRouter:
    """Return the routes.

    Args:
        desk: Knows which channels there are.
        chats: What is said in them.
    """
    router = APIRouter(prefix="/channels/{channel_id}", tags=["chat"])

    def check(channel_id: str) -> None:
        if desk.visibility(channel_id) is None:
            raise HTTPException(404, "there is no such channel")

    @router.get("/chat", response_model=ChatView, responses=responses(404, 503))
    async def show_chat(channel_id: ChannelId) -> dict[str, Any]:
        """Return the newest 200 lines, and whose names are muted."""
        check(channel_id)
        room = await chats.room(channel_id)
        return {"lines": [line_facts(line) for line in room.lines], "muted": sorted(room.muted)}

    @router.delete("/chat/{line_id}", status_code=204, responses=responses(404, 503))
    async def remove_line(channel_id: ChannelId, line_id: LineId) -> Response:
        """Remove a line everywhere."""
        check(channel_id)
        if not await chats.remove(channel_id, line_id):
            raise HTTPException(404, "there is no such line: it may have been removed")
        return Response(status_code=204)

    @router.put("/muted/{name}", status_code=204, responses=responses(404, 503))
    async def mute(channel_id: ChannelId, name: Name) -> Response:
        """Let a name, and the address that it spoke from, say nothing more."""
        check(channel_id)
        await chats.mute(channel_id, name)
        return Response(status_code=204)

    @router.delete("/muted/{name}", status_code=204, responses=responses(404, 503))
    async def unmute(channel_id: ChannelId, name: Name) -> Response:
        """Let it speak again."""
        check(channel_id)
        if not await chats.unmute(channel_id, name):
            raise HTTPException(404, "this name is not muted")
        return Response(status_code=204)

    return router
