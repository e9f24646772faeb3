"""Follows the state of a broker: reads it in a thread, and hands over a directory each time it has changed."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

from headrace.access.admin_token import ADMIN_RANDOM_BYTES, make_admin_token
from headrace.access.channel_rule import ChannelRule
from headrace.access.directory import Directory
from headrace.access.stream_keys import make_stream_key
from headrace.base.stream_key import KEY_RANDOM_BYTES
from headrace.netio.entropy import random_bytes
from headrace.store.location import StateLocation, parse_location

if TYPE_CHECKING:
    from headrace.store.state_reader import StateReader
    from headrace.store.state_store import StateStore

FIRST_CHANNEL_ID: Final = "live"
ASK_SECONDS: Final = 1.0
"""What is revoked is to be over within 5 s."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class StateChoice:
    """Which state a broker follows, and how.

    Attributes:
        place: A folder, a URL, or empty for the user's own folder; as `parse_location` takes it.
        is_open: Let anybody publish.
        on_first_key: Told a channel and its key when the state is new and both were made. Without it, and for an
            open broker, none are made. It is called in another thread.
        on_admin_token: Told the admin token that is made with them, likewise.
    """

    place: str
    is_open: bool = False
    on_first_key: Callable[[str, str], None] | None = None
    on_admin_token: Callable[[str], None] | None = None


class StateFollower:
    """Runs from `start` to `stop`.

    Args:
        choice: Which state.
        use: Takes each directory.
    """

    def __init__(self, choice: StateChoice, use: Callable[[Directory], Awaitable[None]]) -> None:
        self._choice = choice
        self._use = use
        self._store: StateReader | StateStore | None = None
        self._revision: int | None = None
        self._looking = asyncio.Lock()
        self._is_lost = False
        self._task: asyncio.Task[None] | None = None
        self._first: asyncio.Future[None] | None = None

    def start(self) -> None:
        """Begin, in the running event loop."""
        self._first = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run(self._first))

    async def ready(self) -> None:
        """Wait until the first directory was handed over.

        Raises:
            StateError: The state cannot be used.
        """
        if self._first is not None:
            await asyncio.shield(self._first)

    async def _run(self, first: asyncio.Future[None]) -> None:
        try:
            directory = await asyncio.to_thread(self._open)
            await self._use(directory)
        except Exception as error:  # noqa: BLE001 - it is raised again by `ready`
            first.set_exception(error)
            # Told by `ready`, or by nobody if the broker was ended meanwhile.
            first.exception()
            return
        self._revision = directory.revision
        first.set_result(None)
        _log.info("state read", channels=len(directory.channels), revision=directory.revision)
        while True:
            await asyncio.sleep(ASK_SECONDS)
            await self.catch_up()

    async def catch_up(self) -> None:
        """Hand over what has changed, if something has, and return then: at once before there was a directory."""
        async with self._looking:
            if self._revision is None:
                return
            try:
                directory = await asyncio.to_thread(self._read_newer, self._revision)
            except Exception as error:  # noqa: BLE001 - whatever it is, the last directory holds
                self._note_loss(error)
                return
            self._note_return()
            if directory is not None:
                await self._use(directory)
                self._revision = directory.revision
                _log.info("state has changed", channels=len(directory.channels), revision=directory.revision)

    def _note_loss(self, error: Exception) -> None:
        if not self._is_lost:
            _log.error("the state cannot be read: what was last read holds until it can", reason=str(error))
        self._is_lost = True

    def _note_return(self) -> None:
        if self._is_lost:
            _log.info("the state can be read again")
        self._is_lost = False

    def _open(self) -> Directory:
        # Imported here, in a thread: the broker listens before it looks at its state.
        from headrace.store.state_reader import StateReader  # noqa: PLC0415

        location = parse_location(self._choice.place)
        self._store = StateReader.of(location) or self._begin(location)
        return self._read(self._store)

    def _begin(self, location: StateLocation) -> "StateStore":
        """Open a state that needs more than reading: a new one gets its first channel and key."""
        # Imported here: SQLAlchemy takes longer to load than the broker to start.
        from headrace.store.state_store import StateStore  # noqa: PLC0415

        store = self._store = StateStore(location)
        on_first_key = self._choice.on_first_key
        if on_first_key is not None and not self._choice.is_open:
            key = make_stream_key(random_bytes(KEY_RANDOM_BYTES))
            if store.begin(ChannelRule(FIRST_CHANNEL_ID), key, "made at the first start"):
                on_first_key(FIRST_CHANNEL_ID, key)
                self._make_admin_token(store)
        return store

    def _make_admin_token(self, store: "StateStore") -> None:
        if self._choice.on_admin_token is not None:
            token = make_admin_token(random_bytes(ADMIN_RANDOM_BYTES))
            store.admin_tokens.replace(token)
            self._choice.on_admin_token(token)

    def _read_newer(self, revision: int) -> Directory | None:
        """Return the directory if it is another one than that of ``revision``; a backup may be an older one."""
        assert self._store is not None
        return None if self._store.revision() == revision else self._read(self._store)

    def _read(self, store: "StateReader | StateStore") -> Directory:
        directory = store.directory(is_open=self._choice.is_open)
        if directory.token_keys:
            # It takes 150 ms, and the first token that comes is looked at where packets wait.
            import headrace.access.tokens  # noqa: F401, PLC0415
        return directory

    async def stop(self) -> None:
        """End; a second time, or without a start, does nothing."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        if self._store is not None:
            self._store.close()
