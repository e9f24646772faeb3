"""What happens, as server-sent events: that the list has changed for everybody, and all of it for the admin.

Source: HTML, 9.2 (server-sent events).
"""

import asyncio
import json
import re
from collections.abc import AsyncGenerator
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from headrace.web.admin_gate import AdminGate
from headrace.web.credentials import bearer_credential
from headrace.web.gateway import BrokerDesk
from headrace.web.problems import problem
from headrace.web.public_channels import PublicChannels

LOOK_SECONDS: Final = 1.0
ALIVE_SECONDS: Final = 15.0
"""A proxy that hears nothing for a minute hangs up."""
MAX_LISTENERS: Final = 1_000
RETRY_MS: Final = 5_000
_NUMBER: Final = re.compile(r"[0-9]{1,18}")


class EventRoutes:
    """Makes the route.

    Args:
        desk: Tells what happens.
        channels: The list.
        gate: Knows who may hear everything.

    Attributes:
        listeners: How many there are.
    """

    def __init__(self, desk: BrokerDesk, channels: PublicChannels, gate: AdminGate) -> None:
        self._desk = desk
        self._channels = channels
        self._gate = gate
        self.listeners = 0

    def route(self) -> Route:
        """Return it."""
        return Route("/api/v1/events", self._listen)

    async def _listen(self, request: Request) -> Response:
        credential = bearer_credential(request)
        if credential is not None and (refusal := await self._gate.refusal(request)) is not None:
            return refusal
        if self.listeners >= MAX_LISTENERS:
            return problem(
                503, "too many listen: ask for the list each some seconds", headers={"Retry-After": "60"}
            )
        return event_stream(self._stream(credential, last_event_number(request)))

    async def _stream(self, credential: str | None, last_number: int | None = None) -> AsyncGenerator[str, None]:
        """Give what happens: all of it to who has the admin token, until that is another one.

        Args:
            credential: The admin token, or None.
            last_number: Of the last event that was heard before; None to hear from now on.
        """
        self.listeners += 1
        waiting: asyncio.Queue[str | None] = asyncio.Queue(1_000)
        tasks = [asyncio.create_task(self._watch_list(waiting))]
        if credential is not None:
            tasks.append(asyncio.create_task(self._watch_events(waiting, credential, last_number)))
        try:
            yield f"retry: {RETRY_MS}\n\n"
            while True:
                try:
                    async with asyncio.timeout(ALIVE_SECONDS):
                        text = await waiting.get()
                except TimeoutError:
                    text = ": alive\n\n"
                if text is None:
                    return
                yield text
        finally:
            self.listeners -= 1
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch_list(self, waiting: asyncio.Queue[str | None]) -> None:
        before: object = None
        while True:
            listed = await self._channels.listed()
            now = [(one["id"], one["state"], one["title"], one["viewers"]) for one in listed["channels"]]
            if now != before:
                await waiting.put(encode_event("channels", {"unix_ms": listed["unix_ms"], "channels": len(now)}))
            before = now
            await asyncio.sleep(LOOK_SECONDS)

    async def _watch_events(
        self, waiting: asyncio.Queue[str | None], credential: str, last_number: int | None
    ) -> None:
        async for event in self._desk.events(last_number):
            if not await self._gate.is_token(credential):
                await waiting.put(None)
                return
            await waiting.put(encode_event("event", event, event.get("number")))


def last_event_number(request: Request) -> int | None:
    """Return the number in ``Last-Event-ID``, which anything may stand in; None where there is none.

    Source: HTML, 9.2.4: who reconnects sends the last ``id`` that it heard.
    """
    text = request.headers.get("last-event-id", "").strip()
    return int(text) if _NUMBER.fullmatch(text) else None


def event_stream(events: AsyncGenerator[str, None]) -> StreamingResponse:
    """Return the answer that ``events`` are, which no proxy is to keep or hold back."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(events, 200, headers, "text/event-stream")


def encode_event(name: str, data: dict[str, Any], number: int | None = None) -> str:
    """Return one event as text."""
    lines = [f"event: {name}", f"data: {json.dumps(data, separators=(',', ':'))}"]
    if number is not None:
        lines.insert(0, f"id: {number}")
    return "\n".join(lines) + "\n\n"
