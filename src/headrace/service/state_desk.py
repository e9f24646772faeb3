"""Reads and writes a broker's state for the HTTP side: in a thread, one at a time.

Nothing is opened before it is needed: what speaks to databases holds 15 MB.
"""

import asyncio
from collections.abc import Callable
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
    """

    def __init__(self, place: str | None) -> None:
        self._place = place
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
