"""The chats of all channels."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from tests.support.web_client import StateStandIn

from headrace.store.errors import StateError
from headrace.store.location import parse_location
from headrace.store.state_store import StateStore
from headrace.web import chat
from headrace.web.chat import Chats
from headrace.web.chat_room import Member


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StateStore]:
    with StateStore(parse_location(str(tmp_path))) as opened:
        yield opened


def chats_of(state: StateStandIn) -> Chats:
    return Chats(state, lambda: 0, lambda: 5_000_000)


async def speak(chats: Chats, channel_id: str, text: str) -> Member:
    room, member = await chats.room(channel_id), Member(1, "Anna")
    room.enter(member)
    assert chats.say(room, member, text) is None
    return member


def test_what_was_said_is_there_after_a_restart(store: StateStore) -> None:
    async def run() -> None:
        chats = chats_of(StateStandIn(store))
        await speak(chats, "A", "hello")
        await chats.mute("A", "Zoe")
        assert (chats.lines_said, chats.member_count) == (1, 1)
        await chats.stop()
        await chats.stop()
        again = await chats_of(StateStandIn(store)).room("A")
        assert [line.text for line in again.lines] == ["hello"]
        assert again.muted == {"Zoe"}

    asyncio.run(run())


def test_what_is_said_is_kept_soon(store: StateStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat, "SAVE_SECONDS", 0)

    async def run() -> None:
        chats = chats_of(StateStandIn(store))
        for text in ("one", "two"):
            await speak(chats, "A", text)
            async with asyncio.timeout(10):
                while text not in [line.text for line in store.chat.lines("A")]:
                    await asyncio.sleep(0)

    asyncio.run(run())


def test_a_line_is_removed_from_the_room_and_from_the_state(store: StateStore) -> None:
    async def run() -> None:
        chats = chats_of(StateStandIn(store))
        await speak(chats, "A", "bad words")
        await chats.stop()
        line_id = store.chat.lines("A")[0].line_id
        assert await chats.remove("A", line_id)
        assert not await chats.remove("A", line_id)
        assert store.chat.lines("A") == []

    asyncio.run(run())


def test_who_is_muted_may_speak_again(store: StateStore) -> None:
    async def run() -> None:
        chats = chats_of(StateStandIn(store))
        await chats.mute("A", "Anna")
        assert store.chat.muted("A") == ["Anna"]
        assert await chats.unmute("A", "Anna")
        assert not await chats.unmute("A", "Anna")
        assert store.chat.muted("A") == []

    asyncio.run(run())


def test_without_a_state_a_chat_lives_as_long_as_the_broker() -> None:
    async def run() -> None:
        chats = chats_of(StateStandIn())
        await speak(chats, "A", "hello")
        await chats.mute("A", "Zoe")
        await chats.remove("A", 1)
        await chats.stop()
        assert len((await chats.room("A")).lines) == 1

    asyncio.run(run())


def test_a_state_that_cannot_be_written_is_told_once_and_people_go_on(store: StateStore) -> None:
    async def run() -> None:
        state = StateStandIn(store)
        chats = chats_of(state)
        await chats.room("A")
        state.failure = StateError("the disk is full")
        for text in ("one", "two"):
            await speak(chats, "A", text)
            await chats.stop()

    with structlog.testing.capture_logs() as lines:
        asyncio.run(run())
    assert [line["event"] for line in lines] == ["what is said in chats cannot be kept"]


def test_of_too_many_rooms_one_that_nobody_is_in_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat, "MAX_ROOMS", 2)

    async def run() -> None:
        chats = chats_of(StateStandIn())
        kept = await chats.room("busy")
        kept.enter(Member(1, "Anna"))
        idle = await chats.room("idle")
        await chats.room("new")
        assert await chats.room("busy") is kept
        assert await chats.room("idle") is not idle

    asyncio.run(run())
