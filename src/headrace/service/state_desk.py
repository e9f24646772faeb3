"""Reads and writes a broker's state for the HTTP side: in a thread, one at a time.

Nothing is opened before it is needed: what speaks to databases holds 15 MB.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from headrace.store.errors import ConflictError
from headrace.store.location import parse_location

if TYPE_CHECKING:
    from headrace.store.state_store import StateStore

T = TypeVar("T")


class StateDesk:
    """A `headrace.web.gateway.StateAccess`.

    Args:
        place: Where the state is; None for a broker without one.
        catch_up: Returns when the broker goes by what the state has become.
    """

    def __init__(self, place: str | None, catch_up: Callable[[], Awaitable[None]] | None = None) -> None:
        self._place = place
        self._catch_up = catch_up
        self._store: StateStore | None = None
        self._using = asyncio.Lock()

    @property
    def is_there(self) -> bool:
        """Whether there is a state."""
        return self._place is not None

    async def use(self, work: "Callable[[StateStore], T]") -> T:
        """Have ``work`` done with the state, in a thread; return or raise what it does.

        Raises:
            StateError: It cannot be used; a `ConflictError` if there is none.
        """
        if self._place is None:
            raise ConflictError("this broker runs without a state: start it with --state DIR")
        async with self._using:
            return await asyncio.to_thread(self._run, self._place, work)

    async def change(self, work: "Callable[[StateStore], T]") -> T:
        """Have ``work`` done likewise, and return when the broker goes by it: a new key is good at once.

        Raises:
            StateError: As with `use`.
        """
        result = await self.use(work)
        if self._catch_up is not None:
            await self._catch_up()
        return result

    def _run(self, place: str, work: "Callable[[StateStore], T]") -> T:
        if self._store is None:
            from headrace.store.state_store import StateStore  # noqa: PLC0415

            self._store = StateStore(parse_location(place))
        return work(self._store)

    def close(self) -> None:
        """Close it; a second time, or where it was never opened, does nothing."""
        if self._store is not None:
            self._store.close()
            self._store = None
