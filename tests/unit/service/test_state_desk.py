"""A broker's state for the HTTP side."""

import asyncio
import threading
from pathlib import Path

import pytest

from headrace.access.channel_rule import ChannelRule
from headrace.service.state_desk import StateDesk
from headrace.store.errors import ConflictError
from headrace.store.state_store import StateStore


def test_nothing_is_opened_before_it_is_used(tmp_path: Path) -> None:
    desk = StateDesk(str(tmp_path / "state"))
    desk.close()
    assert desk.is_there
    assert list(tmp_path.iterdir()) == []


def test_work_is_done_in_a_thread_one_at_a_time(tmp_path: Path) -> None:
    working = 0

    def work(store: StateStore) -> str:
        nonlocal working
        working += 1
        assert working == 1
        store.channels.list_all()
        working -= 1
        return threading.current_thread().name

    async def run() -> list[str]:
        desk = StateDesk(str(tmp_path / "state"))
        names = await asyncio.gather(*(desk.use(work) for _ in range(5)))
        await desk.use(lambda store: store.channels.add(ChannelRule("A")))
        assert [one.rule.channel_id for one in await desk.use(lambda store: store.channels.list_all())] == ["A"]
        desk.close()
        desk.close()
        return names

    assert threading.current_thread().name not in asyncio.run(run())


def test_who_changes_something_is_told_when_the_broker_goes_by_it_and_who_reads_waits_for_nobody(
    tmp_path: Path,
) -> None:
    seen: list[str] = []

    async def catch_up() -> None:
        await desk.use(lambda store: seen.extend(one.rule.channel_id for one in store.channels.list_all()))

    async def run() -> None:
        await desk.use(lambda store: store.channels.list_all())
        assert seen == []
        await desk.change(lambda store: store.channels.add(ChannelRule("A")))
        assert seen == ["A"]
        with pytest.raises(ConflictError):
            await desk.change(lambda store: store.channels.add(ChannelRule("A")))
        assert seen == ["A"]
        desk.close()

    desk = StateDesk(str(tmp_path / "state"), catch_up)
    asyncio.run(run())


def test_without_a_state_that_is_said() -> None:
    desk = StateDesk(None)
    assert not desk.is_there
    with pytest.raises(ConflictError, match="--state DIR"):
        asyncio.run(desk.use(lambda store: None))
