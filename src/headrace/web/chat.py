"""The chats of all channels: opened when somebody comes, and kept in the state."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog

from headrace.store.chat_line import ChatRecord
from headrace.store.errors import StateError
from headrace.web.chat_room import ChatRefusal, ChatRoom, Member
from headrace.web.gateway import StateAccess

if TYPE_CHECKING:
    from headrace.store.state_store import StateStore

SAVE_SECONDS: Final = 2.0
"""What is said is kept after this: a crash forgets so much."""
MAX_ROOMS: Final = 1_000
"""Open at a time. One that nobody is in is closed for another one, and what was said there is in the state."""

_log = structlog.get_logger()


class Chats:
    """Opens rooms, and keeps what is said in them.

    Args:
        state: Keeps it, where there is one.
        now_us: Tells the time.
        unix_us: Tells the wall clock's time.

    Attributes:
        lines_said: How many, since it began.
    """

    def __init__(self, state: StateAccess, now_us: Callable[[], int], unix_us: Callable[[], int]) -> None:
        self._state = state
        self._now_us = now_us
        self._unix_us = unix_us
        self._rooms: dict[str, ChatRoom] = {}
        self._opening = asyncio.Lock()
        self._saving: asyncio.Task[None] | None = None
        self._is_failing = False
        self.lines_said = 0

    @property
    def member_count(self) -> int:
        """How many people are in all rooms."""
        return sum(len(room.members) for room in self._rooms.values())

    async def room(self, channel_id: str) -> ChatRoom:
        """Return the chat of a channel.

        Raises:
            StateError: What was said before cannot be read.
        """
        async with self._opening:
            if channel_id not in self._rooms:
                lines: list[ChatRecord] = []
                muted: list[str] = []
                if self._state.is_there:
                    lines, muted = await self._state.use(
                        lambda store: (store.chat.lines(channel_id), store.chat.muted(channel_id))
                    )
                self._close_idle()
                self._rooms[channel_id] = ChatRoom(channel_id, lines, muted)
            return self._rooms[channel_id]

    def _close_idle(self) -> None:
        if len(self._rooms) >= MAX_ROOMS:
            idle = (room.channel_id for room in self._rooms.values() if not room.members and not room.unsaved)
            self._rooms.pop(next(idle, ""), None)

    def say(self, room: ChatRoom, member: Member, text: str) -> ChatRefusal | None:
        """Let somebody say something, or say why not."""
        refusal = room.say(member, text, now_us=self._now_us(), unix_us=self._unix_us())
        if refusal is None:
            self.lines_said += 1
            if self._saving is None or self._saving.done():
                self._saving = asyncio.create_task(self._save_soon())
        return refusal

    async def remove(self, channel_id: str, line_id: int) -> bool:
        """Remove a line everywhere; return whether there was one.

        Raises:
            StateError: It is gone for all who are there, but not from the state.
        """
        room = await self.room(channel_id)
        was_there = room.remove(line_id)
        if was_there and self._state.is_there:
            await self._state.use(lambda store: store.chat.remove(channel_id, line_id))
        return was_there

    async def mute(self, channel_id: str, name: str) -> None:
        """Let a name, and the address that it spoke from, say nothing more.

        Raises:
            StateError: It cannot be kept.
        """
        (await self.room(channel_id)).mute(name)
        await self._keep_mute(channel_id, name, is_muted=True)

    async def unmute(self, channel_id: str, name: str) -> bool:
        """Let it speak again; return whether it was muted.

        Raises:
            StateError: It cannot be kept.
        """
        was_muted = (await self.room(channel_id)).unmute(name)
        await self._keep_mute(channel_id, name, is_muted=False)
        return was_muted

    async def _keep_mute(self, channel_id: str, name: str, *, is_muted: bool) -> None:
        if self._state.is_there:
            await self._state.use(lambda store: store.chat.set_muted(channel_id, name, is_muted=is_muted))

    async def _save_soon(self) -> None:
        while any(room.unsaved for room in self._rooms.values()):
            await asyncio.sleep(SAVE_SECONDS)
            await self._save()

    async def _save(self) -> None:
        for room in list(self._rooms.values()):
            lines, room.unsaved = room.unsaved, []
            if not lines or not self._state.is_there:
                continue
            try:
                await self._state.use(partial(_keep, room.channel_id, lines))
            except StateError as error:
                self._note_failure(error)
            else:
                self._is_failing = False

    def _note_failure(self, error: StateError) -> None:
        if not self._is_failing:
            _log.error("what is said in chats cannot be kept", reason=str(error))
        self._is_failing = True

    async def stop(self) -> None:
        """Keep what was said last, and end; a second time does nothing."""
        if self._saving is not None:
            self._saving.cancel()
            await asyncio.gather(self._saving, return_exceptions=True)
            self._saving = None
            await self._save()


def _keep(channel_id: str, lines: Sequence[ChatRecord], store: "StateStore") -> None:
    store.chat.keep(channel_id, lines)
