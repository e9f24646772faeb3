"""What the HTTP side may know and change of a running broker, asked in the broker's own thread."""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, Final

from headrace.access.admin_token import ADMIN_PREFIX
from headrace.access.ask import Ask, Verb
from headrace.access.channel_rule import Visibility
from headrace.access.directory import Directory
from headrace.access.gate import BAD_REQUEST, OVERLOAD, Denial, Gate
from headrace.base.channel_id import check_channel_id
from headrace.base.errors import ChannelIdError
from headrace.base.sockaddr import encode_sockaddr
from headrace.base.stream_key import KEY_PREFIX
from headrace.endpoints.snapshot import event_facts
from headrace.endpoints.srt_endpoint import SrtEndpoint
from headrace.netio.clock import now_us, unix_time_us
from headrace.netio.media_loop import MediaLoop
from headrace.service.status_desk import StatusDesk
from headrace.web.gateway import ChatIdentity, GatewayRefusal

EVENT_SECONDS: Final = 0.5
"""How often is looked for what has happened."""
ASK_SECONDS: Final = 0.25
ASK_TIMES: Final = 12
"""While another service is being asked: as often and as long as callers by SRT do."""


class WebDesk:
    """A `headrace.web.gateway.BrokerDesk`.

    Args:
        status: Knows what the broker does.
        endpoint: The broker's.
        loop: Drives it.
        directory: Returns who may do what, None while that is not known.
    """

    def __init__(
        self,
        status: StatusDesk,
        endpoint: SrtEndpoint,
        loop: MediaLoop,
        directory: Callable[[], Directory | None],
    ) -> None:
        self._status = status
        self._endpoint = endpoint
        self._loop = loop
        self._directory = directory

    @property
    def is_ready(self) -> bool:
        """Whether the broker knows who may do what."""
        return self._directory() is not None

    @property
    def is_open(self) -> bool:
        """Whether anybody may produce, without a key."""
        directory = self._directory()
        return directory is not None and directory.is_open

    async def status(self, subscribers_of: str | None = None) -> dict[str, Any]:
        """Return the document of ``headrace status --json``."""
        return await self._status.document(subscribers_of)

    def visibility(self, channel_id: str) -> Visibility | None:
        """Return who may watch a channel; None if there is none."""
        directory = self._directory()
        rule = None if directory is None else Gate(directory).rule(channel_id)
        return None if rule is None else rule.visibility

    def chat_identity(self, channel_id: str, credential: str | None) -> ChatIdentity:
        """Return whom what somebody shows makes of it in a channel's chat."""
        directory = self._directory()
        if directory is None or credential is None:
            return ChatIdentity()
        entry = directory.find_key(credential)
        if entry is None:
            return _unless_key(credential) or _holder_of_token(credential, channel_id, directory)
        if entry.channel_id != channel_id:
            return ChatIdentity(fault="the stream key is for another channel")
        return ChatIdentity(role="producer")

    async def kick(self, socket_id: int) -> bool:
        """Send a producer or subscriber away; return whether there was one."""
        return await self._loop.call(partial(self._endpoint.kick, socket_id, now_us()))

    async def events(self, after: int | None = None) -> AsyncIterator[dict[str, Any]]:
        """Give what happens; see `headrace.web.gateway.BrokerDesk.events`."""
        kept = await self._loop.call(lambda: self._endpoint.events.newest)
        seen = newest = kept[-1].number if kept else 0
        if after is not None:
            seen = after if after <= newest else 0
        while True:
            for event in kept:
                if event.number > seen:
                    seen = event.number
                    yield event_facts(event)
            await asyncio.sleep(EVENT_SECONDS)
            kept = await self._loop.call(lambda: self._endpoint.events.newest)

    async def may_watch(self, channel_id: str, credential: str | None, host: str) -> None:
        """Return if somebody may watch a channel.

        Raises:
            GatewayRefusal: It may not.
        """
        try:
            check_channel_id(channel_id)
        except ChannelIdError:
            why = "no channel id: letters, digits and . _ ~ - only, a letter or digit first"
            raise GatewayRefusal(BAD_REQUEST, why) from None
        ask, address = Ask(Verb.REQUEST, channel_id, credential), encode_sockaddr(host, 0)
        for _ in range(ASK_TIMES):
            answer = await self._loop.call(lambda: self._endpoint.ask(ask, address, now_us()))
            if isinstance(answer, Denial):
                raise GatewayRefusal(answer.code, answer.why)
            if answer is not None:
                return
            await asyncio.sleep(ASK_SECONDS)
        raise GatewayRefusal(OVERLOAD, "the broker does not know yet who may do what")


def _unless_key(credential: str) -> ChatIdentity | None:
    """Return whom something makes of somebody that looks like a key or an admin token, and is none."""
    if credential.lower().startswith(KEY_PREFIX):
        return ChatIdentity(fault="nobody has this stream key")
    if credential.lower().startswith(ADMIN_PREFIX):
        return ChatIdentity(fault="this is not the admin token")
    return None


def _holder_of_token(token: str, channel_id: str, directory: Directory) -> ChatIdentity:
    if not directory.token_keys:
        return ChatIdentity(
            fault="this is no stream key and not the admin token, and no key for tokens is set here"
        )
    # Loaded by whoever made a directory that has keys for tokens.
    from headrace.access.tokens import TokenFault, check_token  # noqa: PLC0415

    claims = check_token(token, directory.token_keys, unix_time_us() // 1_000_000)
    if isinstance(claims, TokenFault):
        return ChatIdentity(fault=claims.why)
    if channel_id not in claims.channel_ids:
        return ChatIdentity(fault="the token is for another channel")
    return ChatIdentity(claims.name, "producer" if claims.verb is Verb.PUBLISH else None)
