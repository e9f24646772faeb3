"""A chat over a WebSocket: JSON in text messages, of which `docs/reference/http-api.md` tells.

A page of another origin cannot speak in its visitor's name: a browser says where a page is from, and that has to
be here.
"""

import asyncio
import json
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from headrace.access.gate import OVERLOAD
from headrace.store.errors import StateError
from headrace.web.admin_gate import AdminGate
from headrace.web.chat import Chats
from headrace.web.chat_room import ChatRefusal, ChatRoom, Member
from headrace.web.chat_rules import clean_name
from headrace.web.credentials import message_credential, viewer_credential
from headrace.web.gateway import BrokerDesk, ChatIdentity, GatewayRefusal
from headrace.web.peer_host import number_of, peer_host
from headrace.web.problems import RETRY_SECONDS

CHECK_SECONDS: Final = 5.0
"""Who may watch no longer is let go so soon, and whose key or admin token is good no longer is as anybody."""
SEND_SECONDS: Final = 10.0
FOREIGN_ORIGIN: Final = 1008
LOST: Final = 1013


class ChatSocket:
    """Makes the route.

    Args:
        desk: Says who may watch what, and whom a token makes of somebody.
        chats: What is said.
        gate: Knows operators.
    """

    def __init__(self, desk: BrokerDesk, chats: Chats, gate: AdminGate) -> None:
        self._desk = desk
        self._chats = chats
        self._gate = gate

    def route(self) -> WebSocketRoute:
        """Return it."""
        return WebSocketRoute("/chat/{channel}", self._serve)

    async def _serve(self, socket: WebSocket) -> None:
        if not is_own_origin(socket.headers.get("origin"), socket.headers.get("host", "")):
            await socket.close(FOREIGN_ORIGIN, "a page of another origin")
            return
        await socket.accept()
        visit = _Visit(socket, self._desk, self._chats, self._gate)
        try:
            await visit.run()
        except (WebSocketDisconnect, TimeoutError, RuntimeError):
            # It has gone; Starlette says RuntimeError where that was told before we sent something.
            pass
        finally:
            visit.leave()


class _Visit:
    """One connection."""

    def __init__(self, socket: WebSocket, desk: BrokerDesk, chats: Chats, gate: AdminGate) -> None:
        self._socket = socket
        self._desk = desk
        self._chats = chats
        self._gate = gate
        self._channel_id: str = socket.path_params["channel"]
        self._host = peer_host(socket)
        self._credential = viewer_credential(socket)
        self._waker = asyncio.Event()
        self._member = Member(number_of(self._host), wake=self._waker.set)
        self._room: ChatRoom | None = None

    async def run(self) -> None:
        """Take what comes, send what waits and look whether it may stay, until one of these ends."""
        tasks = [asyncio.create_task(work()) for work in (self._send_waiting, self._take_all, self._keep_looking)]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def leave(self) -> None:
        """Leave the room."""
        room, self._room = self._room, None
        if room is not None:
            room.leave(self._member)

    async def _take_all(self) -> None:
        while (received := await self._socket.receive())["type"] != "websocket.disconnect":
            message = _parse(received.get("text") or "")
            match message.get("type"):
                case "join":
                    if not await self._join(message):
                        return
                case "say":
                    self._say(str(message.get("text", "")))
                case _:
                    self._refuse(ChatRefusal("a message is join or say"))

    async def _join(self, message: dict[str, Any]) -> bool:
        """Come in, or under another name; return False if that is not to be."""
        self._credential = message_credential(message.get("token")) or self._credential
        try:
            identity = await self._look()
            room = await self._chats.room(self._channel_id)
        except GatewayRefusal as error:
            return await self._refuse_finally(_refusal(error))
        except StateError:
            return await self._refuse_finally(
                ChatRefusal("what was said before cannot be read: try again later", 30)
            )
        self._member.name = identity.name or clean_name(str(message.get("name", "")))
        self._member.role = identity.role
        if self._room is None:
            if (refusal := room.enter(self._member)) is not None:
                return await self._refuse_finally(refusal)
            self._room = room
            self._member.tell(room.history())
        self._member.tell(_welcome(self._member, identity))
        return True

    def _say(self, text: str) -> None:
        if self._room is None:
            self._refuse(ChatRefusal("join first", 0))
        elif (refusal := self._chats.say(self._room, self._member, text)) is not None:
            self._refuse(refusal)

    def _refuse(self, refusal: ChatRefusal) -> None:
        self._member.tell(_refused(refusal))

    async def _refuse_finally(self, refusal: ChatRefusal) -> bool:
        """Say no and hang up; `retry_seconds` says whether coming back makes sense."""
        await self._send(_refused(refusal, is_final=refusal.retry_seconds is None))
        await self._socket.close(FOREIGN_ORIGIN if refusal.retry_seconds is None else LOST)
        return False

    async def _send_waiting(self) -> None:
        while not self._member.is_lost:
            await self._waker.wait()
            self._waker.clear()
            while self._member.waiting and not self._member.is_lost:
                await self._send(self._member.waiting.popleft())
        await self._socket.close(LOST)

    async def _look(self) -> ChatIdentity:
        """Return whom what it shows makes of it now.

        Raises:
            GatewayRefusal: It may not be here.
        """
        is_operator = self._credential is not None and await self._gate.is_token(self._credential)
        if not is_operator:
            await self._desk.may_watch(self._channel_id, self._credential, self._host)
        identity = self._desk.chat_identity(self._channel_id, self._credential)
        return replace(identity, role="operator", fault=None) if is_operator else identity

    async def _keep_looking(self) -> None:
        while await self._may_stay():
            await asyncio.sleep(CHECK_SECONDS)

    async def _may_stay(self) -> bool:
        """Look whether it may still be here, and as whom; if not, hang up and return False."""
        if self._room is None:
            return True
        credential = self._credential
        try:
            role = (await self._look()).role
        except GatewayRefusal as error:
            if credential != self._credential:
                # It has shown another one since, which is looked at where it came.
                return True
            self.leave()
            self._member.waiting.clear()
            return await self._refuse_finally(_refusal(error))
        if credential == self._credential:
            self._member.role = role
        return True

    async def _send(self, message: dict[str, Any]) -> None:
        async with asyncio.timeout(SEND_SECONDS):
            await self._socket.send_text(encode(message))


def encode(message: dict[str, Any]) -> str:
    """Return a message as JSON in which no markup stands, wherever somebody puts it."""
    text = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def is_own_origin(origin: str | None, host: str) -> bool:
    """Return whether a page of ``origin`` is ours; a program that is no browser names none."""
    try:
        return origin is None or (urlsplit(origin).netloc == host and host != "")
    except ValueError:
        return False


def _parse(text: str) -> dict[str, Any]:
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}


def _welcome(member: Member, identity: ChatIdentity) -> dict[str, Any]:
    facts = {"name": member.name, "has_token_name": identity.name is not None, "token_fault": identity.fault}
    return {"type": "welcome", **facts}


def _refusal(error: GatewayRefusal) -> ChatRefusal:
    return ChatRefusal(error.why, RETRY_SECONDS if error.code == OVERLOAD else None)


def _refused(refusal: ChatRefusal, *, is_final: bool = False) -> dict[str, Any]:
    facts = {"why": refusal.why, "retry_seconds": refusal.retry_seconds, "is_final": is_final}
    return {"type": "refused", **facts}
