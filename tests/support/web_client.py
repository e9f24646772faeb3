"""Asks an ASGI application without a socket, and a broker for it that does as it is told."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, TypeVar

import httpx
from starlette.types import ASGIApp

from headrace.access.channel_rule import Visibility
from headrace.access.gate import NOT_FOUND, UNAUTHORIZED
from headrace.store.errors import ConflictError, StateError
from headrace.store.state_store import StateStore
from headrace.web.admin_gate import AdminGate
from headrace.web.app import WebParts
from headrace.web.chat import Chats
from headrace.web.gateway import (
    ChatIdentity,
    GatewayRefusal,
    PatchAnswer,
    SessionAnswer,
    SessionLayers,
    StaleEtagError,
)

T = TypeVar("T")

HOST = "192.0.2.7"


def ask(
    app: ASGIApp,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str] | None = None,
    content: bytes | str | None = None,
    host: str = HOST,
) -> httpx.Response:
    """Return the answer to one request of ``host``."""

    async def run() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(host, 40_000))
        async with httpx.AsyncClient(
            transport=transport, base_url="http://broker.example", verify=False
        ) as client:
            return await client.request(method, path, headers=headers, content=content)

    return asyncio.run(run())


def channel_facts(channel_id: str, *, state: str = "live", subscribers: int = 0, **more: Any) -> dict[str, Any]:
    """Return a channel as the status has it, as far as the web looks at it."""
    return {
        "id": channel_id,
        "state": state,
        "state_seconds": 12.5,
        "subscribers": {"count": subscribers},
        **more,
    }


class DeskStandIn:
    """A broker's desk.

    Attributes:
        channels: What the status has.
        broker_facts: What it has of the broker.
        visibilities: Of the channels there are.
        token: What opens private channels.
        is_open: Whether anybody may produce.
        looks: How often the status was asked for.
        kicked: Socket ids that were to be sent away.
        happening: What `events` gives.
        identities: Whom credentials make of somebody in a chat.
    """

    def __init__(self) -> None:
        self.channels: list[dict[str, Any]] = []
        self.broker_facts: dict[str, Any] = {"unix_ms": 1_000_000, "listen": "[::]:8890"}
        self.visibilities: dict[str, Visibility] = {}
        self.token = "a-token"
        self.is_open = False
        self.looks = 0
        self.kicked: list[int] = []
        self.happening: list[dict[str, Any]] = []
        self.identities: dict[str, ChatIdentity] = {}

    def add(self, channel_id: str, visibility: Visibility = Visibility.PUBLIC, **facts: Any) -> None:
        """Have a channel."""
        self.visibilities[channel_id] = visibility
        self.channels.append(channel_facts(channel_id, **facts))

    async def status(self, subscribers_of: str | None = None) -> dict[str, Any]:
        """Return it."""
        self.looks += 1
        return {
            "version": 1,
            "broker": self.broker_facts,
            "channels": self.channels,
            "subscribers": [],
            "events": [],
            "asked": subscribers_of,
        }

    def visibility(self, channel_id: str) -> Visibility | None:
        """Return it."""
        return self.visibilities.get(channel_id)

    async def kick(self, socket_id: int) -> bool:
        """Note it; there is nobody with an odd id."""
        self.kicked.append(socket_id)
        return socket_id % 2 == 0

    async def events(self, after: int | None = None) -> AsyncIterator[dict[str, Any]]:
        """Give them, or those of a higher number."""
        for event in self.happening:
            if after is None or event["number"] > after:
                yield event

    def chat_identity(self, channel_id: str, credential: str | None) -> ChatIdentity:
        """Return who is known."""
        return self.identities.get(credential or "", ChatIdentity())

    async def may_watch(self, channel_id: str, credential: str | None, host: str) -> None:
        """Raise unless it is so."""
        visibility = self.visibilities.get(channel_id)
        if visibility is None:
            raise GatewayRefusal(NOT_FOUND, "there is no such channel")
        if visibility is Visibility.PRIVATE and credential != self.token:
            raise GatewayRefusal(UNAUTHORIZED, "the channel is private")


class GatewayStandIn:
    """A media gateway.

    Attributes:
        asked: What came, newest last.
        refusal: Is raised if there is one.
        etag: The newest of the only session.
        layers_of_session: What it may choose from.
    """

    SESSION = "s3ss10n"

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []
        self.refusal: GatewayRefusal | None = None
        self.etag = "one"
        self.layers_of_session = SessionLayers((), None, None)

    async def watch(self, channel_id: str, offer_sdp: str, credential: str | None, host: str) -> SessionAnswer:
        """Note it."""
        return self._open("watch", channel_id, offer_sdp, credential, host)

    async def produce(
        self, channel_id: str | None, offer_sdp: str, credential: str | None, host: str
    ) -> SessionAnswer:
        """Note it."""
        return self._open("produce", channel_id, offer_sdp, credential, host)

    def _open(self, *asked: object) -> SessionAnswer:
        self.asked.append(asked)
        if self.refusal is not None:
            raise self.refusal
        return SessionAnswer(self.SESSION, "v=0 answer", self.etag)

    async def patch(self, session_id: str, fragment: str, etags: frozenset[str] | None) -> PatchAnswer:
        """Take candidates; anything goes with whatever ETag restarts ICE."""
        self.asked.append(("patch", session_id, fragment, etags))
        self._find(session_id)
        if etags is None:
            self.etag = "two"
            return PatchAnswer("a=ice-ufrag:new", self.etag)
        if self.etag not in etags:
            raise StaleEtagError
        return PatchAnswer(None, self.etag)

    async def layers(self, session_id: str) -> SessionLayers:
        """Return them."""
        self._find(session_id)
        return self.layers_of_session

    async def choose_layer(self, session_id: str, rid: str | None) -> None:
        """Note it; there are those of `layers_of_session`."""
        self._find(session_id)
        if rid is not None and all(one["rid"] != rid for one in self.layers_of_session.layers):
            raise GatewayRefusal(NOT_FOUND, "there is no such layer")
        self.asked.append(("layer", session_id, rid))

    async def end(self, session_id: str) -> None:
        """Note it."""
        self._find(session_id)
        self.asked.append(("end", session_id))

    def _find(self, session_id: str) -> None:
        if session_id != self.SESSION:
            raise GatewayRefusal(NOT_FOUND, "there is no such session")


class StateStandIn:
    """A state in a folder, or none; used where it is asked for, without a thread.

    Args:
        store: The state.
    """

    def __init__(self, store: StateStore | None = None) -> None:
        self._store = store
        self.failure: StateError | None = None
        self.uses = 0

    @property
    def is_there(self) -> bool:
        """Whether there is one."""
        return self._store is not None

    async def use(self, work: Callable[[StateStore], T]) -> T:
        """Do it."""
        self.uses += 1
        if self.failure is not None:
            raise self.failure
        if self._store is None:
            raise ConflictError("this broker runs without a state")
        return work(self._store)

    async def change(self, work: Callable[[StateStore], T]) -> T:
        """Do it; nobody goes by it."""
        return await self.use(work)


ADMIN_TOKEN = "hra_the-token-of-the-tests"
ADMIN = {"Authorization": f"Bearer {ADMIN_TOKEN}"}


def web_parts(
    desk: DeskStandIn | None = None,
    store: StateStore | None = None,
    gateway: GatewayStandIn | None = None,
    **more: Any,
) -> WebParts:
    """Return what an application stands on."""
    state = StateStandIn(store)
    return WebParts(
        desk or DeskStandIn(),
        state,
        Chats(state, lambda: 0, lambda: 1_000_000_000),
        AdminGate(state, ADMIN_TOKEN, lambda: 0),
        lambda: True,
        lambda: 0,
        gateway,
        **more,
    )
