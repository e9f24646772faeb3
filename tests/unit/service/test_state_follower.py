"""The follower of a state, with a real one in a temporary folder."""

import asyncio
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import structlog

from headrace.access.channel_rule import ChannelRule
from headrace.access.directory import Directory
from headrace.service import state_follower
from headrace.service.state_follower import FIRST_CHANNEL_ID, StateChoice, StateFollower
from headrace.store.errors import StateError
from headrace.store.location import parse_location
from headrace.store.state_store import StateStore


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_follower, "ASK_SECONDS", 0.01)


@pytest.fixture
def store(tmp_path: Path) -> StateStore:
    return StateStore(parse_location(str(tmp_path)))


class Followed:
    """Collects what a follower hands over while its ``async with`` block runs."""

    def __init__(self, choice: StateChoice) -> None:
        self.directories: list[Directory] = []
        self.follower = StateFollower(choice, self._take)

    async def _take(self, directory: Directory) -> None:
        self.directories.append(directory)

    async def __aenter__(self) -> "Followed":
        self.follower.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.follower.stop()

    async def wait(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0.005)


def test_what_is_written_while_it_runs_is_handed_over(tmp_path: Path, store: StateStore) -> None:
    async def run() -> None:
        async with Followed(StateChoice(str(tmp_path))) as followed:
            await followed.follower.ready()
            assert followed.directories == [Directory(0)]
            store.channels.add(ChannelRule("a"))
            await followed.wait(lambda: len(followed.directories) == 2)
            number = store.keys.add("a", "the key")
            await followed.wait(lambda: followed.directories[-1].find_key("the key") is not None)
            store.keys.revoke("a", number)
            await followed.wait(lambda: followed.directories[-1].find_key("the key") is None)
            await asyncio.sleep(0.1)
            assert [one.revision for one in followed.directories] == sorted(
                {one.revision for one in followed.directories}
            )

    asyncio.run(run())


def test_who_does_not_want_to_wait_for_the_next_look_has_it_look_at_once(
    tmp_path: Path, store: StateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_follower, "ASK_SECONDS", 3600)

    async def run() -> None:
        async with Followed(StateChoice(str(tmp_path))) as followed:
            await followed.follower.catch_up()
            await followed.follower.ready()
            store.channels.add(ChannelRule("a"))
            store.keys.add("a", "the key")
            await asyncio.gather(*(followed.follower.catch_up() for _ in range(3)))
            assert [one.find_key("the key") is not None for one in followed.directories] == [False, True]

    asyncio.run(run())


def test_a_state_that_was_written_before_is_followed_without_sqlalchemy(tmp_path: Path, store: StateStore) -> None:
    script = (
        "import asyncio, sys\n"
        "from headrace.service import state_follower\n"
        "async def run():\n"
        "    async def use(directory):\n"
        "        print(directory.revision, *directory.channels, file=sys.stderr)\n"
        "        if directory.revision == 2: changed.set()\n"
        "    changed = asyncio.Event()\n"
        f"    follower = state_follower.StateFollower(state_follower.StateChoice({str(tmp_path)!r}), use)\n"
        "    follower.start()\n"
        "    await follower.ready()\n"
        "    await asyncio.wait_for(changed.wait(), 60)\n"
        "    await follower.stop()\n"
        "asyncio.run(run())\n"
        "assert 'sqlalchemy' not in sys.modules\n"
    )
    store.channels.add(ChannelRule("a"))
    # Its log goes to standard output.
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as follower:
        assert follower.stderr is not None
        assert follower.stderr.readline() == "1 a\n"
        store.channels.add(ChannelRule("b"))
        _, rest = follower.communicate(timeout=60)
    assert (rest, follower.returncode) == ("2 a b\n", 0)


def test_an_open_broker_reads_the_rules_too_and_makes_no_key(tmp_path: Path, store: StateStore) -> None:
    async def run() -> None:
        async with Followed(StateChoice(str(tmp_path), True, told.append)) as followed:  # type: ignore[arg-type]
            await followed.follower.ready()
            assert followed.directories == [Directory(0, is_open=True)]

    told: list[object] = []
    asyncio.run(run())
    assert told == []
    assert store.revision() == 0


def test_the_first_start_makes_a_channel_and_tells_its_key_once_and_not_in_the_log(tmp_path: Path) -> None:
    async def start() -> Directory:
        async with Followed(StateChoice(str(tmp_path), False, lambda *one: told.append(one))) as followed:
            await followed.follower.ready()
            return followed.directories[0]

    told: list[tuple[str, str]] = []
    with structlog.testing.capture_logs() as lines:
        directory = asyncio.run(start())
        asyncio.run(start())
    [(channel_id, key)] = told
    assert channel_id == FIRST_CHANNEL_ID
    entry = directory.find_key(key)
    assert entry is not None
    assert entry.channel_id == channel_id
    assert key not in str(lines)


def test_a_state_that_cannot_be_used_is_told_to_who_waits(tmp_path: Path) -> None:
    async def run() -> None:
        async with Followed(StateChoice(str(tmp_path))) as followed:
            with pytest.raises(StateError, match=" is broken "):
                await followed.follower.ready()

    (tmp_path / "headrace.db").write_bytes(b"no database at all" * 100)
    asyncio.run(run())


@pytest.mark.parametrize("is_kept", [False, True])
def test_a_state_that_is_lost_is_told_once_and_the_last_directory_holds(
    tmp_path: Path, store: StateStore, *, is_kept: bool
) -> None:
    async def run() -> None:
        async with Followed(StateChoice(str(tmp_path))) as followed:
            await followed.follower.ready()
            moved = file.rename(tmp_path / "elsewhere")
            file.mkdir()
            await followed.wait(lambda: any(line["log_level"] == "error" for line in lines))
            await asyncio.sleep(0.1)
            assert len(followed.directories) == 1
            file.rmdir()
            moved.rename(file)
            store.channels.add(ChannelRule("a"))
            await followed.wait(lambda: len(followed.directories) == 2)

    if is_kept:
        store.channels.add(ChannelRule("kept"))
    file = tmp_path / "headrace.db"
    with structlog.testing.capture_logs() as lines:
        asyncio.run(run())
    events = [line["event"] for line in lines]
    assert events == [
        "state read",
        "the state cannot be read: what was last read holds until it can",
        "the state can be read again",
        "state has changed",
    ]
    assert "headrace.db" in lines[1]["reason"]


@pytest.mark.parametrize("is_kept", [False, True])
def test_of_a_state_that_a_newer_headrace_has_changed_the_last_directory_holds(
    tmp_path: Path, store: StateStore, *, is_kept: bool
) -> None:
    def set_version(change: str) -> None:
        with closing(sqlite3.connect(tmp_path / "headrace.db", isolation_level=None)) as connection:
            connection.execute(f"UPDATE headrace_state SET revision = revision + 1, schema_version = {change}")

    async def run() -> None:
        async with Followed(StateChoice(str(tmp_path))) as followed:
            await followed.follower.ready()
            set_version("schema_version + 1")
            await followed.follower.catch_up()
            assert len(followed.directories) == 1
            set_version("schema_version - 1")
            await followed.follower.catch_up()
            assert len(followed.directories) == 2

    if is_kept:
        store.channels.add(ChannelRule("kept"))
    with structlog.testing.capture_logs() as lines:
        asyncio.run(run())
    assert [line["log_level"] for line in lines] == ["info", "error", "info", "info"]
    assert "was written by a newer Headrace" in lines[1]["reason"]


def test_a_backup_that_is_put_back_counts_although_it_is_older(tmp_path: Path, store: StateStore) -> None:
    async def run() -> None:
        backup = file.read_bytes()
        store.channels.add(ChannelRule("b"))
        async with Followed(StateChoice(str(tmp_path))) as followed:
            await followed.follower.ready()
            (tmp_path / "copy").write_bytes(backup)
            (tmp_path / "copy").replace(file)
            await followed.wait(lambda: len(followed.directories) == 2)
            assert [list(one.channels) for one in followed.directories] == [["a", "b"], ["a"]]

    file = tmp_path / "headrace.db"
    store.channels.add(ChannelRule("a"))
    asyncio.run(run())


def test_the_event_loop_runs_on_while_the_state_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        async with Followed(StateChoice(str(tmp_path))) as followed:
            await asyncio.sleep(0.05)
            assert followed.directories == []
            gate.set()
            await followed.follower.ready()

    gate = threading.Event()
    opened = StateFollower._open

    def wait_and_open(follower: StateFollower) -> Directory:
        assert gate.wait(20)
        return opened(follower)

    monkeypatch.setattr(StateFollower, "_open", wait_and_open)
    asyncio.run(run())


def test_stopping_it_early_or_twice_is_no_error(tmp_path: Path) -> None:
    async def run() -> None:
        follower = Followed(StateChoice(str(tmp_path))).follower
        await follower.stop()
        follower.start()
        await follower.stop()
        await follower.stop()

    asyncio.run(run())
