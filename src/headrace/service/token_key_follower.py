"""Follows a JWKS file while a broker runs, so that keys for tokens are rotated without a restart."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

from headrace.service.token_key_file import TokenKeyFile

LOOK_SECONDS: Final = 1.0
"""A key that is taken away is to open nothing within 5 s."""


class TokenKeyFollower:
    """Runs from `start` to `stop`.

    Args:
        file: What is followed.
        on_change: Called when the file has other keys.
    """

    def __init__(self, file: TokenKeyFile, on_change: Callable[[], Awaitable[None]]) -> None:
        self._file = file
        self._on_change = on_change
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read the file, and begin.

        Raises:
            TokenKeyFileError: It cannot be used.
        """
        await asyncio.to_thread(self._file.read)
        self._task = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if await asyncio.to_thread(self._file.read_if_changed):
                await self._on_change()

    async def stop(self) -> None:
        """End; without a start, or a second time, it does nothing."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
